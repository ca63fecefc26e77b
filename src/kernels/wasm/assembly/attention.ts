/**
 * attention, attentionBackwardQ, attentionBackwardKV: causal, from each row's document start on. Contracts: src/kernels/attention*.ts.
 *
 * Each is two kinds of pass over the rows of one head: `products` of one vector with many rows (rows transposed into scratch
 * first, so that sixteen results are summed side by side), and `weightedRows`, a sum of rows by weight. No T x T tensor. Shares are
 * of sequences and key heads, each with all query heads that read it.
 */
import { BASE } from "./layout";
import { dotArray, exp4, fma, log, max4, sum4 } from "./math";
import { transposeRows } from "./pack";
import { beginOf } from "./share";

/** Scratch from here (after BASE) to the end of the instance's MiB: three rows of T numbers, then two transposed heads where they fit. */
const SCRATCH: usize = 0x1000;
const SCRATCH_END: usize = 0x100000;
const LEAST: f32 = -1e30; // WGSL's mask too: finite, and exp of it is 0

/** T rounded up so that sixteen products at a time stay inside. */
function padded(T: i32): usize {
  return (<usize>((T + 31) & ~15)) << 2;
}

/** Room for three rows and, where there is room, two heads. Traps where not even the rows fit (T over 80,000). */
function headsFit(T: i32, HS: i32): bool {
  const row = padded(T);
  if (SCRATCH + 3 * row > SCRATCH_END) unreachable();
  return SCRATCH + 3 * row + 2 * <usize>HS * row <= SCRATCH_END;
}

/**
 * to[s] = x . row s for s in [from, end): rows from their transpose (HS, T) in scratch where `transposed`, else as they are.
 * With the transpose, whole sixteens around the range are computed; what lies outside it is of no meaning.
 */
function products(
  x: usize,
  HS: i32,
  transposed: bool,
  scratch: usize,
  scratchStep: usize,
  rows: usize,
  rowStep: usize,
  from: i32,
  end: i32,
  to: usize,
): void {
  if (!transposed) {
    for (let s = from; s < end; s++) store<f32>(to + ((<usize>s) << 2), dotArray(x, rows + <usize>s * rowStep, HS));
    return;
  }
  const last = x + ((<usize>HS) << 2);
  for (let s = from & ~15; s < end; s += 16) {
    let s0 = f32x4.splat(0);
    let s1 = f32x4.splat(0);
    let s2 = f32x4.splat(0);
    let s3 = f32x4.splat(0);
    let at = scratch + ((<usize>s) << 2);
    for (let i = x; i < last; i += 4) {
      const xi = v128.load_splat<f32>(i);
      s0 = fma(xi, v128.load(at), s0);
      s1 = fma(xi, v128.load(at, 16), s1);
      s2 = fma(xi, v128.load(at, 32), s2);
      s3 = fma(xi, v128.load(at, 48), s3);
      at += scratchStep;
    }
    const target = to + ((<usize>s) << 2);
    v128.store(target, s0);
    v128.store(target, s1, 16);
    v128.store(target, s2, 32);
    v128.store(target, s3, 48);
  }
}

/** out (HS) = SUM weights[s] rows[s] for s in [from, end), plus out where `add` is set. */
function weightedRows(weights: usize, rows: usize, rowStep: usize, from: i32, end: i32, HS: i32, out: usize, add: bool): void {
  const bytes = (<usize>HS) << 2;
  const first = weights + ((<usize>from) << 2);
  const last = weights + ((<usize>end) << 2);
  rows += <usize>from * rowStep;
  let at: usize = 0;
  for (; at + 64 <= bytes; at += 64) {
    const to = out + at;
    let s0 = f32x4.splat(0);
    let s1 = f32x4.splat(0);
    let s2 = f32x4.splat(0);
    let s3 = f32x4.splat(0);
    let row = rows + at;
    for (let w = first; w < last; w += 4) {
      const weight = v128.load_splat<f32>(w);
      s0 = fma(weight, v128.load(row), s0);
      s1 = fma(weight, v128.load(row, 16), s1);
      s2 = fma(weight, v128.load(row, 32), s2);
      s3 = fma(weight, v128.load(row, 48), s3);
      row += rowStep;
    }
    if (add) {
      s0 = f32x4.add(v128.load(to), s0);
      s1 = f32x4.add(v128.load(to, 16), s1);
      s2 = f32x4.add(v128.load(to, 32), s2);
      s3 = f32x4.add(v128.load(to, 48), s3);
    }
    v128.store(to, s0);
    v128.store(to, s1, 16);
    v128.store(to, s2, 32);
    v128.store(to, s3, 48);
  }
  for (; at < bytes; at += 4) {
    let sum: f32 = 0;
    let row = rows + at;
    for (let w = first; w < last; w += 4) {
      sum += load<f32>(w) * load<f32>(row);
      row += rowStep;
    }
    store<f32>(out + at, add ? load<f32>(out + at) + sum : sum);
  }
}

export function attention(qkv: usize, start: usize, out: usize, lse: usize, B: i32, T: i32, NH: i32, NKV: i32, HS: i32, part: i32, parts: i32): void {
  const rowStep = <usize>(NH + 2 * NKV) * <usize>HS * 4;
  const headBytes = (<usize>HS) << 2;
  const group = NH / NKV;
  const scale = f32x4.splat(1 / sqrt<f32>(<f32>HS));
  const step = padded(T);
  const scores = BASE + SCRATCH;
  const transposedKeys = scores + 3 * step;
  const fits = headsFit(T, HS);
  const lastTask = beginOf(B * NKV, 1, part + 1, parts);
  for (let task = beginOf(B * NKV, 1, part, parts); task < lastTask; task++) {
    const b = task / NKV;
    const kv = task % NKV;
    const first = qkv + <usize>(b * T) * rowStep;
    const keys = first + <usize>(NH + kv) * headBytes;
    const values = first + <usize>(NH + NKV + kv) * headBytes;
    if (fits) transposeRows(keys, rowStep, T, HS, transposedKeys, step);
    for (let h = kv * group; h < (kv + 1) * group; h++) {
      for (let t = 0; t < T; t++) {
        const n = b * T + t;
        const from = <i32>min<u32>(load<u32>(start + ((<usize>n) << 2)), <u32>t);
        products(first + <usize>t * rowStep + <usize>h * headBytes, HS, fits, transposedKeys, step, keys, rowStep, from, t + 1, scores);
        // The vectors below are whole: what they hold outside the range must weigh nothing.
        const low = from & ~3;
        const high = (t + 4) & ~3;
        for (let s = low; s < from; s++) store<f32>(scores + ((<usize>s) << 2), LEAST);
        for (let s = t + 1; s < high; s++) store<f32>(scores + ((<usize>s) << 2), LEAST);
        const begin = scores + ((<usize>low) << 2);
        const end = scores + ((<usize>high) << 2);
        let most = f32x4.splat(-f32.MAX_VALUE);
        for (let at = begin; at < end; at += 16) {
          const score = f32x4.mul(v128.load(at), scale);
          v128.store(at, score);
          most = f32x4.max(most, score);
        }
        const shift = max4(most);
        let sums = f32x4.splat(0);
        for (let at = begin; at < end; at += 16) {
          const e = exp4(f32x4.sub(v128.load(at), f32x4.splat(shift)));
          v128.store(at, e);
          sums = f32x4.add(sums, e);
        }
        const sum = sum4(sums);
        const to = out + <usize>(n * NH + h) * headBytes;
        weightedRows(scores, values, rowStep, from, t + 1, HS, to, false);
        for (let at = to; at < to + headBytes; at += 4) store<f32>(at, load<f32>(at) / sum);
        store<f32>(lse + ((<usize>(n * NH + h)) << 2), <f32>(<f64>shift + log(<f64>sum)));
      }
    }
  }
}

export function attentionBackwardQ(
  qkv: usize,
  start: usize,
  out: usize,
  dout: usize,
  lse: usize,
  delta: usize,
  dqkv: usize,
  B: i32,
  T: i32,
  NH: i32,
  NKV: i32,
  HS: i32,
  part: i32,
  parts: i32,
): void {
  const rowStep = <usize>(NH + 2 * NKV) * <usize>HS * 4;
  const headBytes = (<usize>HS) << 2;
  const group = NH / NKV;
  const scale = f32x4.splat(1 / sqrt<f32>(<f32>HS));
  const step = padded(T);
  const scores = BASE + SCRATCH;
  const slopes = scores + step;
  const transposedKeys = scores + 3 * step;
  const transposedValues = transposedKeys + (headBytes / 4) * step;
  const fits = headsFit(T, HS);
  const lastTask = beginOf(B * NKV, 1, part + 1, parts);
  for (let task = beginOf(B * NKV, 1, part, parts); task < lastTask; task++) {
    const b = task / NKV;
    const kv = task % NKV;
    const first = qkv + <usize>(b * T) * rowStep;
    const keys = first + <usize>(NH + kv) * headBytes;
    const values = first + <usize>(NH + NKV + kv) * headBytes;
    if (fits) {
      transposeRows(keys, rowStep, T, HS, transposedKeys, step);
      transposeRows(values, rowStep, T, HS, transposedValues, step);
    }
    for (let h = kv * group; h < (kv + 1) * group; h++) {
      for (let t = 0; t < T; t++) {
        const n = b * T + t;
        const from = <i32>min<u32>(load<u32>(start + ((<usize>n) << 2)), <u32>t);
        const o = <usize>(n * NH + h) * headBytes;
        const q = <usize>n * rowStep + <usize>h * headBytes;
        const d = dotArray(dout + o, out + o, HS);
        store<f32>(delta + ((<usize>(n * NH + h)) << 2), d);
        products(qkv + q, HS, fits, transposedKeys, step, keys, rowStep, from, t + 1, scores);
        products(dout + o, HS, fits, transposedValues, step, values, rowStep, from, t + 1, slopes);
        const logSum = v128.load_splat<f32>(lse + ((<usize>(n * NH + h)) << 2));
        const end = scores + ((<usize>(t + 1)) << 2);
        // What the whole vectors hold outside the range is never summed.
        for (let at = scores + ((<usize>(from & ~3)) << 2); at < end; at += 16) {
          const p = exp4(f32x4.sub(f32x4.mul(v128.load(at), scale), logSum));
          const dp = f32x4.sub(v128.load(at + step), f32x4.splat(d));
          v128.store(at + step, f32x4.mul(f32x4.mul(p, dp), scale));
        }
        weightedRows(slopes, keys, rowStep, from, t + 1, HS, dqkv + q, false);
      }
    }
  }
}

export function attentionBackwardKV(
  qkv: usize,
  start: usize,
  dout: usize,
  lse: usize,
  delta: usize,
  dqkv: usize,
  B: i32,
  T: i32,
  NH: i32,
  NKV: i32,
  HS: i32,
  part: i32,
  parts: i32,
): void {
  const rowStep = <usize>(NH + 2 * NKV) * <usize>HS * 4;
  const headBytes = (<usize>HS) << 2;
  const outStep = <usize>NH * headBytes;
  const group = NH / NKV;
  const scale = f32x4.splat(1 / sqrt<f32>(<f32>HS));
  const step = padded(T);
  const scores = BASE + SCRATCH;
  const slopes = scores + step;
  const transposedQueries = scores + 3 * step;
  const transposedGrads = transposedQueries + (headBytes / 4) * step;
  const fits = headsFit(T, HS);
  const lastTask = beginOf(B * NKV, 1, part + 1, parts);
  for (let task = beginOf(B * NKV, 1, part, parts); task < lastTask; task++) {
    const b = task / NKV;
    const kv = task % NKV;
    const row0 = <usize>(b * T);
    const starts = start + (row0 << 2);
    const keyAt = row0 * rowStep + <usize>(NH + kv) * headBytes;
    const valueAt = row0 * rowStep + <usize>(NH + NKV + kv) * headBytes;
    for (let h = kv * group; h < (kv + 1) * group; h++) {
      const queries = qkv + row0 * rowStep + <usize>h * headBytes;
      const grads = dout + row0 * outStep + <usize>h * headBytes;
      const statistics = (row0 * <usize>NH + <usize>h) << 2;
      const add = h > kv * group;
      if (fits) {
        transposeRows(queries, rowStep, T, HS, transposedQueries, step);
        transposeRows(grads, outStep, T, HS, transposedGrads, step);
      }
      for (let s = 0; s < T; s++) {
        const own = <usize>s * rowStep;
        // Queries of later documents do not see this key: the last ones are left out, any others weigh nothing.
        let end = T;
        while (end > s + 1 && load<u32>(starts + ((<usize>(end - 1)) << 2)) > <u32>s) end--;
        products(qkv + keyAt + own, HS, fits, transposedQueries, step, queries, rowStep, s, end, scores);
        products(qkv + valueAt + own, HS, fits, transposedGrads, step, grads, outStep, s, end, slopes);
        for (let t = s; t < end; t++) {
          const at = scores + ((<usize>t) << 2);
          const statistic = statistics + ((<usize>t * <usize>NH) << 2);
          const seen = load<u32>(starts + ((<usize>t) << 2)) <= <u32>s;
          store<f32>(at, seen ? load<f32>(at) * f32x4.extract_lane(scale, 0) - load<f32>(lse + statistic) : LEAST);
          store<f32>(at + step, load<f32>(at + step) - load<f32>(delta + statistic));
        }
        const last = scores + ((<usize>end) << 2);
        for (let at = scores + ((<usize>(s & ~3)) << 2); at < last; at += 16) {
          const p = exp4(v128.load(at));
          v128.store(at, p);
          v128.store(at + step, f32x4.mul(f32x4.mul(p, v128.load(at + step)), scale));
        }
        weightedRows(slopes, queries, rowStep, s, end, HS, dqkv + keyAt + own, add);
        weightedRows(scores, grads, outStep, s, end, HS, dqkv + valueAt + own, add);
      }
    }
  }
}
