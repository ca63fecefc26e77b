/** layernorm and its two gradients, a row at a time in two passes. Contracts: src/kernels/layernorm*.ts. */
import { sum4 } from "./math";
import { beginOf, LINE } from "./share";

function meanOf(row: usize, C: i32): f32 {
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  let c = 0;
  for (; c <= C - 8; c += 8) {
    s0 = f32x4.add(s0, v128.load(row));
    s1 = f32x4.add(s1, v128.load(row, 16));
    row += 32;
  }
  let sum = sum4(f32x4.add(s0, s1));
  for (; c < C; c++) {
    sum += load<f32>(row);
    row += 4;
  }
  return sum / <f32>C;
}

/** What the mean of the last `varianceOf` was off by: a sum of small deviations keeps the digits that a sum of large values lost. */
let meanError: f32 = 0;

/** The variance about the corrected mean: SUM d^2 / C - (SUM d / C)^2 with d measured from a mean already nearly right. */
function varianceOf(row: usize, C: i32, mean: f32): f32 {
  const by = f32x4.splat(mean);
  let s0 = f32x4.splat(0);
  let s1 = f32x4.splat(0);
  let q0 = f32x4.splat(0);
  let q1 = f32x4.splat(0);
  let c = 0;
  for (; c <= C - 8; c += 8) {
    const d0 = f32x4.sub(v128.load(row), by);
    const d1 = f32x4.sub(v128.load(row, 16), by);
    s0 = f32x4.add(s0, d0);
    s1 = f32x4.add(s1, d1);
    q0 = f32x4.add(q0, f32x4.mul(d0, d0));
    q1 = f32x4.add(q1, f32x4.mul(d1, d1));
    row += 32;
  }
  let sum = sum4(f32x4.add(s0, s1));
  let squares = sum4(f32x4.add(q0, q1));
  for (; c < C; c++) {
    const d = load<f32>(row) - mean;
    sum += d;
    squares += d * d;
    row += 4;
  }
  meanError = sum / <f32>C;
  return max<f32>(squares / <f32>C - meanError * meanError, 0);
}

export function layernorm(inp: usize, weight: usize, bias: usize, out: usize, mean: usize, rstd: usize, N: i32, C: i32, eps: f32, part: i32, parts: i32): void {
  const bytes = <usize>C << 2;
  const from = beginOf(N, 1, part, parts);
  const end = beginOf(N, 1, part + 1, parts);
  inp += <usize>from * bytes;
  out += <usize>from * bytes;
  for (let n = from; n < end; n++) {
    let m = meanOf(inp, C);
    const r: f32 = 1 / sqrt<f32>(varianceOf(inp, C, m) + eps);
    m += meanError;
    store<f32>(mean + (<usize>n << 2), m);
    store<f32>(rstd + (<usize>n << 2), r);
    let at: usize = 0;
    for (; at + 16 <= bytes; at += 16) {
      const z = f32x4.mul(f32x4.sub(v128.load(inp + at), f32x4.splat(m)), f32x4.splat(r));
      v128.store(out + at, f32x4.add(f32x4.mul(z, v128.load(weight + at)), v128.load(bias + at)));
    }
    for (; at < bytes; at += 4) {
      store<f32>(out + at, (load<f32>(inp + at) - m) * r * load<f32>(weight + at) + load<f32>(bias + at));
    }
    inp += bytes;
    out += bytes;
  }
}

export function layernormBackward(
  inp: usize, weight: usize, mean: usize, rstd: usize, dout: usize, dinp: usize,
  N: i32, C: i32, accumulate: i32, part: i32, parts: i32,
): void {
  const bytes = <usize>C << 2;
  const from = beginOf(N, 1, part, parts);
  const end = beginOf(N, 1, part + 1, parts);
  inp += <usize>from * bytes;
  dout += <usize>from * bytes;
  dinp += <usize>from * bytes;
  for (let n = from; n < end; n++) {
    const m = load<f32>(mean + (<usize>n << 2));
    const r = load<f32>(rstd + (<usize>n << 2));
    const m4 = f32x4.splat(m);
    const r4 = f32x4.splat(r);
    let gs = f32x4.splat(0);
    let zs = f32x4.splat(0);
    let at: usize = 0;
    for (; at + 16 <= bytes; at += 16) {
      const g = f32x4.mul(v128.load(weight + at), v128.load(dout + at));
      gs = f32x4.add(gs, g);
      zs = f32x4.add(zs, f32x4.mul(g, f32x4.mul(f32x4.sub(v128.load(inp + at), m4), r4)));
    }
    let sum = sum4(gs);
    let sumZ = sum4(zs);
    for (; at < bytes; at += 4) {
      const g = load<f32>(weight + at) * load<f32>(dout + at);
      sum += g;
      sumZ += g * ((load<f32>(inp + at) - m) * r);
    }
    sum /= <f32>C;
    sumZ /= <f32>C;
    for (at = 0; at + 16 <= bytes; at += 16) {
      const z = f32x4.mul(f32x4.sub(v128.load(inp + at), m4), r4);
      const g = f32x4.mul(v128.load(weight + at), v128.load(dout + at));
      let d = f32x4.mul(r4, f32x4.sub(f32x4.sub(g, f32x4.splat(sum)), f32x4.mul(z, f32x4.splat(sumZ))));
      if (accumulate != 0) d = f32x4.add(v128.load(dinp + at), d);
      v128.store(dinp + at, d);
    }
    for (; at < bytes; at += 4) {
      const z = (load<f32>(inp + at) - m) * r;
      const d = r * (load<f32>(weight + at) * load<f32>(dout + at) - sum - z * sumZ);
      store<f32>(dinp + at, accumulate != 0 ? load<f32>(dinp + at) + d : d);
    }
    inp += bytes;
    dout += bytes;
    dinp += bytes;
  }
}

/** Columns whose sums are held at a time: 8 registers of sums, rows walked in order. */
const WIDTH: usize = 16 * 4;

export function layernormBackwardParams(
  inp: usize, mean: usize, rstd: usize, dout: usize, dweight: usize, dbias: usize,
  N: i32, C: i32, part: i32, parts: i32,
): void {
  const bytes = <usize>C << 2;
  const end = <usize>beginOf(C, LINE, part + 1, parts) << 2;
  let at = <usize>beginOf(C, LINE, part, parts) << 2;
  for (; at + WIDTH <= end; at += WIDTH) {
    let w0 = f32x4.splat(0);
    let w1 = f32x4.splat(0);
    let w2 = f32x4.splat(0);
    let w3 = f32x4.splat(0);
    let b0 = f32x4.splat(0);
    let b1 = f32x4.splat(0);
    let b2 = f32x4.splat(0);
    let b3 = f32x4.splat(0);
    let x = inp + at;
    let d = dout + at;
    for (let n = 0; n < N; n++) {
      const m = v128.load_splat<f32>(mean + (<usize>n << 2));
      const r = v128.load_splat<f32>(rstd + (<usize>n << 2));
      const d0 = v128.load(d);
      const d1 = v128.load(d, 16);
      const d2 = v128.load(d, 32);
      const d3 = v128.load(d, 48);
      w0 = f32x4.add(w0, f32x4.mul(d0, f32x4.mul(f32x4.sub(v128.load(x), m), r)));
      w1 = f32x4.add(w1, f32x4.mul(d1, f32x4.mul(f32x4.sub(v128.load(x, 16), m), r)));
      w2 = f32x4.add(w2, f32x4.mul(d2, f32x4.mul(f32x4.sub(v128.load(x, 32), m), r)));
      w3 = f32x4.add(w3, f32x4.mul(d3, f32x4.mul(f32x4.sub(v128.load(x, 48), m), r)));
      b0 = f32x4.add(b0, d0);
      b1 = f32x4.add(b1, d1);
      b2 = f32x4.add(b2, d2);
      b3 = f32x4.add(b3, d3);
      x += bytes;
      d += bytes;
    }
    const w = dweight + at;
    const b = dbias + at;
    v128.store(w, f32x4.add(v128.load(w), w0));
    v128.store(w, f32x4.add(v128.load(w, 16), w1), 16);
    v128.store(w, f32x4.add(v128.load(w, 32), w2), 32);
    v128.store(w, f32x4.add(v128.load(w, 48), w3), 48);
    v128.store(b, f32x4.add(v128.load(b), b0));
    v128.store(b, f32x4.add(v128.load(b, 16), b1), 16);
    v128.store(b, f32x4.add(v128.load(b, 32), b2), 32);
    v128.store(b, f32x4.add(v128.load(b, 48), b3), 48);
  }
  for (; at < end; at += 4) {
    let w: f32 = 0;
    let b: f32 = 0;
    for (let n = 0; n < N; n++) {
      const d = load<f32>(dout + <usize>n * bytes + at);
      w += d * ((load<f32>(inp + <usize>n * bytes + at) - load<f32>(mean + (<usize>n << 2))) * load<f32>(rstd + (<usize>n << 2)));
      b += d;
    }
    store<f32>(dweight + at, load<f32>(dweight + at) + w);
    store<f32>(dbias + at, load<f32>(dbias + at) + b);
  }
}
