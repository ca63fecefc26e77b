/** adamw and sumSquares: what an optimizer step reads and writes of every parameter. Contracts: src/kernels/adamw.ts and sum-squares.ts. */
import { sum4 } from "./math";
import { beginOf, LINE } from "./share";

// Where the step block holds them: src/kernels/step-block.ts.
const STEP_LR: usize = 0;
const COUNT_LATCHED: usize = 1 * 4;
const CLIP_SCALE: usize = 1 * 4;
const CORRECTION1: usize = 2 * 4;
const CORRECTION2: usize = 3 * 4;

export function adamw(
  param: usize, grad: usize, m: usize, v: usize, stepF: usize, counts: usize, scalars: usize,
  size: i32, beta1: f32, oneMinusBeta1: f32, beta2: f32, oneMinusBeta2: f32, eps: f32, weightDecay: f32, part: i32, parts: i32,
): void {
  if (load<u32>(counts + COUNT_LATCHED) != 0) return;
  const lr = load<f32>(stepF + STEP_LR);
  const clip = load<f32>(scalars + CLIP_SCALE);
  const stepSize = lr / load<f32>(scalars + CORRECTION1);
  const perRoot: f32 = 1 / sqrt<f32>(load<f32>(scalars + CORRECTION2));
  const keep: f32 = 1 - lr * weightDecay;
  const bytes = <usize>beginOf(size, LINE, part + 1, parts) << 2;
  let at = <usize>beginOf(size, LINE, part, parts) << 2;
  for (; at + 16 <= bytes; at += 16) {
    const g = f32x4.mul(v128.load(grad + at), f32x4.splat(clip));
    const mi = f32x4.add(f32x4.mul(f32x4.splat(beta1), v128.load(m + at)), f32x4.mul(f32x4.splat(oneMinusBeta1), g));
    const vi = f32x4.add(f32x4.mul(f32x4.splat(beta2), v128.load(v + at)), f32x4.mul(f32x4.splat(oneMinusBeta2), f32x4.mul(g, g)));
    v128.store(m + at, mi);
    v128.store(v + at, vi);
    const below = f32x4.add(f32x4.mul(f32x4.sqrt(vi), f32x4.splat(perRoot)), f32x4.splat(eps));
    const step = f32x4.div(f32x4.mul(f32x4.splat(stepSize), mi), below);
    v128.store(param + at, f32x4.sub(f32x4.mul(v128.load(param + at), f32x4.splat(keep)), step));
  }
  for (; at < bytes; at += 4) {
    const g = load<f32>(grad + at) * clip;
    const mi = beta1 * load<f32>(m + at) + oneMinusBeta1 * g;
    const vi = beta2 * load<f32>(v + at) + oneMinusBeta2 * (g * g);
    store<f32>(m + at, mi);
    store<f32>(v + at, vi);
    store<f32>(param + at, load<f32>(param + at) * keep - (stepSize * mi) / (sqrt<f32>(vi) * perRoot + eps));
  }
}

export function sumSquares(inp: usize, partial: usize, size: i32, partials: i32, part: i32, parts: i32): void {
  const chunk = <i32>((<i64>size + <i64>partials - 1) / <i64>partials);
  const end = beginOf(partials, 1, part + 1, parts);
  for (let p = beginOf(partials, 1, part, parts); p < end; p++) {
    const from = min<i64>(<i64>p * <i64>chunk, <i64>size);
    const count = <i32>(min<i64>(from + <i64>chunk, <i64>size) - from);
    let at = inp + (<usize>from << 2);
    let s0 = f32x4.splat(0);
    let s1 = f32x4.splat(0);
    let i = 0;
    for (; i <= count - 8; i += 8) {
      const x0 = v128.load(at);
      const x1 = v128.load(at, 16);
      s0 = f32x4.add(s0, f32x4.mul(x0, x0));
      s1 = f32x4.add(s1, f32x4.mul(x1, x1));
      at += 32;
    }
    let sum = sum4(f32x4.add(s0, s1));
    for (; i < count; i++) {
      const x = load<f32>(at);
      sum += x * x;
      at += 4;
    }
    store<f32>(partial + (<usize>p << 2), sum);
  }
}
