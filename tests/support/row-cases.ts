/** Shapes and bounds shared by the tests of kernels that work element by element or row by row. */
import { ulp, U, type JudgeRun, type ValueClass } from "./kernel-harness.ts";

export const TIMEOUT_MS = 300_000; // a software adapter compiles the largest variants in seconds, and many times that on a busy machine

export const CLASSES: readonly ValueClass[] = ["normal", "small", "large", "sparse", "constant", "one-signed", "repeated"];

/** On both sides of every vector, workgroup and fold edge. */
export const SIZES: readonly number[] = [
  1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 20, 28, 31, 32, 33, 36, 60, 63, 64, 65, 68, 127, 128, 129, 132, 252, 255, 256, 257, 260, 511, 512, 513, 1000, 1024,
  1025, 4096, 4100,
];

/** [N, C]: rows on both sides of a workgroup of 64, columns on both sides of what one workgroup reads at a time. */
export const ROW_SHAPES: readonly (readonly [N: number, C: number])[] = [
  [1, 1], [1, 2], [1, 3], [1, 5], [1, 31], [1, 32], [1, 33], [1, 64], [1, 129], [1, 1025],
  [2, 1], [2, 4], [2, 63], [2, 65], [2, 256], [3, 2], [3, 5], [3, 127], [3, 1000], [5, 3],
  [5, 16], [5, 17], [5, 128], [31, 8], [31, 31], [32, 33], [33, 32], [33, 15], [63, 4], [63, 65],
  [64, 12], [64, 64], [65, 1], [65, 20], [65, 63], [127, 3], [128, 48], [129, 16], [129, 33], [257, 7],
  [1000, 2], [40, 255],
];

/** How many f32 roundings a result of 1 + |x| terms of exp may carry: WGSL allows exp 3 + 2 |x| ulp, and x its own rounding. */
export const expError = (x: number): number => (3 + 2 * Math.abs(x)) * 2 * U + Math.abs(x) * U;

/** Bound of gelu's logistic relative to itself: the argument 2u carries four roundings, which exp multiplies by |2u|. */
export function geluRelative(x: number): number {
  const size = Math.min(2 * Math.sqrt(2 / Math.PI) * (Math.abs(x) + 0.044715 * Math.abs(x) ** 3), 80);
  return 4 * U * size + expError(size) + 8 * U;
}

/** Softmax of rows: each exponential's own error, that of their sum, and the division. */
export function softmaxBound(run: JudgeRun): (index: number) => number {
  const { C } = run.dims as { C: number };
  const inp = run.inputs["inp"] as Float64Array;
  const out = run.outputs["out"] as Float64Array;
  const rows = new Map<number, { max: number; sum: number }>();
  const rowOf = (n: number): { max: number; sum: number } => {
    let row = rows.get(n);
    if (!row) {
      const max = inp.subarray(n * C, (n + 1) * C).reduce((a, b) => Math.max(a, b), -Infinity);
      let sum = (C + 1) * U;
      for (let c = 0; c < C; c++) sum += out[n * C + c]! * expError(inp[n * C + c]! - max);
      rows.set(n, (row = { max, sum }));
    }
    return row;
  };
  return (index) => {
    const { max, sum } = rowOf(Math.floor(index / C));
    return out[index]! * (expError(inp[index]! - max) + sum + 6 * U) + ulp(out[index]!) + 2 ** -126;
  };
}
