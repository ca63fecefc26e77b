/** Shapes, data and bounds on which the softmax-based losses are checked. The bounds are derived, not fitted. */
import { integers, U, ulp, VALUE_CLASSES, values, type JudgeRun, type ValueClass } from "./kernel-harness.ts";

export { VALUE_CLASSES };

/** One row and few, one logit and few, both sides of a workgroup's width, and vocabularies of the size in use. */
export const LOSS_SHAPES: readonly (readonly [N: number, V: number])[] = [1, 2, 3, 5, 63, 64, 65, 257, 1000, 4097].flatMap((V) =>
  [1, 3, 33, 129].map((N) => [N, V] as const),
);

export function lossInputs(N: number, V: number, valueClass: ValueClass): { logits: Float32Array; targets: Uint32Array } {
  return { logits: values(valueClass, N * V, N + V), targets: integers(N, V, N + V) };
}

/** Lanes that share a row: the depth of the sum is what one lane adds plus the tree. */
const LANES = 64;

/** Below it WGSL may flush to zero. */
const FLUSHED = 2 ** -126;

/** Relative error of exp(a) in f32: WGSL's table (3 + 2 |a| ulp) + 1 ulp, and the rounding of the difference a itself. */
const expError = (a: number): number => (4 + 2 * Math.abs(a)) * 2 * U + Math.abs(a) * U;

export interface RowBounds {
  /** Of SUM exp(x - max), relative. */
  readonly sum: number;
  /** Of log of that sum, absolute. */
  readonly logSum: number;
  readonly lse: number;
  readonly max: number;
  readonly exactLse: number;
}

/** First-order error of a row's log-sum-exp, by rows. */
export function rowBounds(logits: Float64Array, N: number, V: number): RowBounds[] {
  return Array.from({ length: N }, (_, n) => {
    const row = logits.subarray(n * V, (n + 1) * V);
    const max = row.reduce((a, b) => Math.max(a, b), -Infinity);
    let total = 0;
    let error = 0;
    for (const x of row) {
      const e = Math.exp(x - max);
      total += e;
      error += e * expError(x - max) + FLUSHED;
    }
    const sum = error / total + (Math.ceil(V / LANES) + Math.log2(LANES) + 1) * U;
    const log = Math.log(total);
    // WGSL's table for log: 2^-21 absolute in [0.5, 2], 3 ulp elsewhere; + 1 ulp.
    const logSum = sum + (total <= 2 ? 2 ** -21 : 3 * ulp(log)) + ulp(log);
    return { sum, logSum, lse: logSum + ulp(max + log), max, exactLse: max + log };
  });
}

/** Of logprob and lse, as the forward kernel computes them. */
export function logprobBounds(run: JudgeRun): { logprob: Float64Array; lse: Float64Array } {
  const { N, V } = run.dims as { N: number; V: number };
  const rows = rowBounds(run.inputs["logits"] as Float64Array, N, V);
  const logprob = Float64Array.from(run.outputs["logprob"] ?? run.outputs["loss"]!, (value, n) => rows[n]!.logSum + 2 * ulp(value) + 2 * U * Math.abs(value));
  return { logprob, lse: Float64Array.from(rows, (row) => row.lse) };
}

/** Of scale (softmax - onehot) at each element: `scale` by row, relative error of the row's divisor from `sum`. */
export function softmaxGradientBound(run: JudgeRun, scale: (n: number) => number, shift: (n: number) => number, sum: (n: number) => number): (index: number) => number {
  const { V } = run.dims as { V: number };
  const logits = run.inputs["logits"] as Float64Array;
  const lse = rowBounds(logits, logits.length / V, V).map((row) => row.exactLse);
  return (index) => {
    const n = Math.floor(index / V);
    const x = logits[index]!;
    const p = Math.exp(x - lse[n]!);
    // 2.5 + 1 ulp of the division.
    const relative = expError(x - shift(n)) + sum(n) + 7 * U;
    const gradient = Math.abs(run.outputs["logits"]![index]!);
    return Math.abs(scale(n)) * (p * relative + U + FLUSHED) + 8 * U * gradient + FLUSHED;
  };
}
