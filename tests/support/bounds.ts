/**
 * Error bounds that scale with what was computed (PROMISES.md, promise 1 and "Numerics" 2). A bound is how far an f32
 * result may lie from the f64 judge; none of them forgives a NaN.
 */
import type { HalfType } from "../../src/core/half.ts";
import type { AnyKernel, DimValues } from "../../src/device/types.ts";
import { Draws } from "../../src/core/random.ts";
import { isZeroMean, type ValueClass } from "./values.ts";

export type JudgeArray = Float64Array | Uint32Array;

/** One run of the textbook formula in f64: what went in, what came out. */
export interface JudgeRun {
  readonly dims: Readonly<Record<string, number>>;
  /** Every binding as it was before the run; poisoned ones are NaN. */
  readonly inputs: Readonly<Record<string, JudgeArray>>;
  /** "write" and "readwrite" bindings after the run. */
  readonly outputs: Readonly<Record<string, JudgeArray>>;
}

/** "exact" (bits, after rounding to f32), a number, a number for each element, or a function of the element's index. */
export type Bound = "exact" | number | ArrayLike<number> | ((index: number) => number);

/** u = 2^-24, half a unit in the last place at 1. */
export const U = 2 ** -24;
const SMALLEST_NORMAL = 2 ** -126; // below it WGSL may flush to zero

/** Unit in the last place of f32 at |x|. */
export function ulp(x: number): number {
  const size = Math.abs(x);
  return size < SMALLEST_NORMAL ? 2 ** -149 : 2 ** (Math.floor(Math.log2(size)) - 23);
}

/** Half a unit in the last place of bf16 or f16 at |x|: what storing it may add. */
export const halfUlpOf = (type: HalfType, x: number): number => (type === "bf16" ? ulp(x) * 2 ** 15 : Math.max(ulp(x) * 2 ** 12, 2 ** -25));

/** `count` ulp of the judge's value: the elementwise rule (WGSL's table + 1). Results that may be flushed get the smallest normal. */
export const ulps =
  (judged: JudgeArray, count: number): Bound =>
  (index) =>
    count * ulp(judged[index]!) + SMALLEST_NORMAL;

/**
 * Promise 1's bound of a sum of `K` terms whose magnitudes sum to `sumOfSizes`, with `reference` the judge's value:
 * 2 sqrt(K) u SUM|t| + 2 ulp where the terms have mean zero, (K + 1) u SUM|t| for constant, one-signed and repeated ones
 * (+ 2 ulp there too: a sum of one term still ends in a rounding).
 */
export function sumBound(K: number, sumOfSizes: number, reference: number, valueClass: ValueClass): number {
  const growth = isZeroMean(valueClass) ? 2 * Math.sqrt(K) : K + 1;
  return growth * U * sumOfSizes + 2 * ulp(reference) + SMALLEST_NORMAL;
}

/**
 * First-order propagation for what is not a plain sum (softmax, LayerNorm, cross-entropy): how far each output of the f64
 * formula moves when every f32 input moves by at most `relative` of itself, the worst of `draws` random directions,
 * times `factor`, plus 4 ulp of the output.
 */
export function sensitivity(
  kernel: AnyKernel,
  run: JudgeRun,
  output: string,
  options: { relative?: number; factor?: number; draws?: number } = {},
): Bound {
  const { relative = 4 * U, factor = 4, draws = 6 } = options;
  const reference = run.outputs[output]!;
  const worst = new Float64Array(reference.length);
  for (let draw = 0; draw < draws; draw++) {
    const noise = new Draws(draw, "world", { site: "sensitivity" });
    let count = 0;
    const buffers = Object.fromEntries(
      Object.entries(run.inputs).map(([name, data]) => [
        name,
        data instanceof Uint32Array ? data.slice() : data.map((x) => x * (1 + relative * (2 * noise.float(count++) - 1))),
      ]),
    );
    kernel.meaning(buffers, run.dims as DimValues);
    const moved = buffers[output]!;
    for (let i = 0; i < worst.length; i++) worst[i] = Math.max(worst[i]!, Math.abs(moved[i]! - reference[i]!));
  }
  return (index) => factor * worst[index]! + 4 * ulp(reference[index]!) + SMALLEST_NORMAL;
}

export function boundAt(bound: Bound, index: number): number {
  if (bound === "exact") return 0;
  if (typeof bound === "number") return bound;
  return typeof bound === "function" ? bound(index) : bound[index]!;
}
