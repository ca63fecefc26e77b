/** swiglu and swigluBackward, four elements at a time. Contracts: src/kernels/swiglu*.ts. */
import { exp4, loadPart, storePart } from "./math";
import { beginOf, LINE } from "./share";

/** exp(-x), its argument held where neither it nor its inverse leaves the range of f32. A NaN passes. */
function decay4(x: v128): v128 {
  return exp4(f32x4.neg(f32x4.pmin(f32x4.pmax(x, f32x4.splat(-80)), f32x4.splat(80))));
}

function silu4(x: v128): v128 {
  return f32x4.div(x, f32x4.add(f32x4.splat(1), decay4(x)));
}

export function swiglu(gate: usize, up: usize, out: usize, size: i32, part: i32, parts: i32): void {
  const first = beginOf(size, LINE, part, parts);
  size = beginOf(size, LINE, part + 1, parts) - first;
  gate += <usize>first << 2;
  up += <usize>first << 2;
  out += <usize>first << 2;
  let i = 0;
  for (; i <= size - 4; i += 4) {
    v128.store(out, f32x4.mul(silu4(v128.load(gate)), v128.load(up)));
    gate += 16;
    up += 16;
    out += 16;
  }
  if (i < size) storePart(out, f32x4.mul(silu4(loadPart(gate, size - i)), loadPart(up, size - i)), size - i);
}

/** dgate of four elements; dup is d x s. */
function slope4(x: v128, up: v128, d: v128, e: v128, s: v128): v128 {
  // 1 - s = e s, which keeps its digits where s is nearly 1.
  const inner = f32x4.add(f32x4.splat(1), f32x4.mul(x, f32x4.mul(e, s)));
  return f32x4.mul(f32x4.mul(d, up), f32x4.mul(s, inner));
}

export function swigluBackward(gate: usize, up: usize, dout: usize, dgate: usize, dup: usize, size: i32, part: i32, parts: i32): void {
  const one = f32x4.splat(1);
  const first = beginOf(size, LINE, part, parts);
  size = beginOf(size, LINE, part + 1, parts) - first;
  gate += <usize>first << 2;
  up += <usize>first << 2;
  dout += <usize>first << 2;
  dgate += <usize>first << 2;
  dup += <usize>first << 2;
  let i = 0;
  for (; i <= size - 4; i += 4) {
    const x = v128.load(gate);
    const d = v128.load(dout);
    const e = decay4(x);
    const s = f32x4.div(one, f32x4.add(one, e));
    v128.store(dgate, slope4(x, v128.load(up), d, e, s));
    v128.store(dup, f32x4.mul(d, f32x4.mul(x, s)));
    gate += 16;
    up += 16;
    dout += 16;
    dgate += 16;
    dup += 16;
  }
  if (i < size) {
    const x = loadPart(gate, size - i);
    const d = loadPart(dout, size - i);
    const e = decay4(x);
    const s = f32x4.div(one, f32x4.add(one, e));
    storePart(dgate, slope4(x, loadPart(up, size - i), d, e, s), size - i);
    storePart(dup, f32x4.mul(d, f32x4.mul(x, s)), size - i);
  }
}
