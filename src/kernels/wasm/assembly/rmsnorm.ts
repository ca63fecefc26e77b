/** rmsnorm and its two gradients, a row at a time in two passes. Contracts: src/kernels/rmsnorm*.ts. */
import { dotArray, sum4 } from "./math";
import { beginOf, LINE } from "./share";

export function rmsnorm(inp: usize, weight: usize, out: usize, rstd: usize, N: i32, C: i32, eps: f32, part: i32, parts: i32): void {
  const bytes = <usize>C << 2;
  const from = beginOf(N, 1, part, parts);
  const end = beginOf(N, 1, part + 1, parts);
  inp += <usize>from * bytes;
  out += <usize>from * bytes;
  for (let n = from; n < end; n++) {
    const r: f32 = 1 / sqrt<f32>(dotArray(inp, inp, C) / <f32>C + eps);
    const r4 = f32x4.splat(r);
    store<f32>(rstd + (<usize>n << 2), r);
    let at: usize = 0;
    for (; at + 16 <= bytes; at += 16) v128.store(out + at, f32x4.mul(f32x4.mul(v128.load(inp + at), r4), v128.load(weight + at)));
    for (; at < bytes; at += 4) store<f32>(out + at, load<f32>(inp + at) * r * load<f32>(weight + at));
    inp += bytes;
    out += bytes;
  }
}

export function rmsnormBackward(
  inp: usize, weight: usize, rstd: usize, dout: usize, dinp: usize,
  N: i32, C: i32, accumulate: i32, part: i32, parts: i32,
): void {
  const bytes = <usize>C << 2;
  const from = beginOf(N, 1, part, parts);
  const end = beginOf(N, 1, part + 1, parts);
  inp += <usize>from * bytes;
  dout += <usize>from * bytes;
  dinp += <usize>from * bytes;
  for (let n = from; n < end; n++) {
    const r = load<f32>(rstd + (<usize>n << 2));
    const r4 = f32x4.splat(r);
    let sums = f32x4.splat(0);
    let at: usize = 0;
    for (; at + 16 <= bytes; at += 16) {
      const g = f32x4.mul(v128.load(weight + at), v128.load(dout + at));
      sums = f32x4.add(sums, f32x4.mul(g, f32x4.mul(v128.load(inp + at), r4)));
    }
    let sum = sum4(sums);
    for (; at < bytes; at += 4) sum += load<f32>(weight + at) * load<f32>(dout + at) * (load<f32>(inp + at) * r);
    sum /= <f32>C;
    for (at = 0; at + 16 <= bytes; at += 16) {
      const g = f32x4.mul(v128.load(weight + at), v128.load(dout + at));
      let d = f32x4.mul(r4, f32x4.sub(g, f32x4.mul(f32x4.mul(v128.load(inp + at), r4), f32x4.splat(sum))));
      if (accumulate != 0) d = f32x4.add(v128.load(dinp + at), d);
      v128.store(dinp + at, d);
    }
    for (; at < bytes; at += 4) {
      const d = r * (load<f32>(weight + at) * load<f32>(dout + at) - load<f32>(inp + at) * r * sum);
      store<f32>(dinp + at, accumulate != 0 ? load<f32>(dinp + at) + d : d);
    }
    inp += bytes;
    dout += bytes;
    dinp += bytes;
  }
}

/** Columns whose sums are held at a time: 4 registers of sums, rows walked in order. */
const WIDTH: usize = 16 * 4;

export function rmsnormBackwardWeight(inp: usize, rstd: usize, dout: usize, dweight: usize, N: i32, C: i32, part: i32, parts: i32): void {
  const bytes = <usize>C << 2;
  const end = <usize>beginOf(C, LINE, part + 1, parts) << 2;
  let at = <usize>beginOf(C, LINE, part, parts) << 2;
  for (; at + WIDTH <= end; at += WIDTH) {
    let w0 = f32x4.splat(0);
    let w1 = f32x4.splat(0);
    let w2 = f32x4.splat(0);
    let w3 = f32x4.splat(0);
    let x = inp + at;
    let d = dout + at;
    for (let n = 0; n < N; n++) {
      const r = v128.load_splat<f32>(rstd + (<usize>n << 2));
      w0 = f32x4.add(w0, f32x4.mul(v128.load(d), f32x4.mul(v128.load(x), r)));
      w1 = f32x4.add(w1, f32x4.mul(v128.load(d, 16), f32x4.mul(v128.load(x, 16), r)));
      w2 = f32x4.add(w2, f32x4.mul(v128.load(d, 32), f32x4.mul(v128.load(x, 32), r)));
      w3 = f32x4.add(w3, f32x4.mul(v128.load(d, 48), f32x4.mul(v128.load(x, 48), r)));
      x += bytes;
      d += bytes;
    }
    const w = dweight + at;
    v128.store(w, f32x4.add(v128.load(w), w0));
    v128.store(w, f32x4.add(v128.load(w, 16), w1), 16);
    v128.store(w, f32x4.add(v128.load(w, 32), w2), 32);
    v128.store(w, f32x4.add(v128.load(w, 48), w3), 48);
  }
  for (; at < end; at += 4) {
    let sum: f32 = 0;
    for (let n = 0; n < N; n++) {
      sum += load<f32>(dout + <usize>n * bytes + at) * (load<f32>(inp + <usize>n * bytes + at) * load<f32>(rstd + (<usize>n << 2)));
    }
    store<f32>(dweight + at, load<f32>(dweight + at) + sum);
  }
}
