/** The shapes, data and bounds on which every matmul is checked, on the GPU and in WebAssembly alike. */
import type { DimValues } from "../../src/device/types.ts";
import { sumBound, ulp, U, values, type JudgeRun, type ValueClass } from "./kernel-harness.ts";

export type Form = "NN" | "NT" | "TN";
export type Shape = readonly [M: number, K: number, N: number];

/** On both sides of every edge of a 4-vector, an 8 x 8 and a 16 x 16 block, a 64 x 64 tile, the packing panels and parts of K; K up to 4,096. */
export const SHAPES: readonly Shape[] = [
  [1, 1, 1], [1, 4, 4], [2, 3, 5], [3, 2, 1], [4, 4, 4], [5, 7, 3], [1, 64, 65], [65, 1, 64],
  [7, 8, 9], [8, 8, 8], [9, 8, 7], [8, 12, 16], [12, 16, 20], [16, 5, 8], [31, 32, 33], [33, 31, 32],
  [32, 33, 31], [63, 64, 65], [64, 64, 64], [65, 63, 64], [64, 65, 63], [66, 68, 70], [68, 72, 76], [127, 16, 129],
  [128, 20, 128], [129, 24, 127], [1, 128, 384], [2, 1000, 3], [3, 1025, 2], [4, 1024, 4], [8, 4096, 8], [5, 4096, 7],
  [255, 8, 4], [256, 4, 257], [257, 3, 12], [1000, 4, 8], [4, 8, 1025], [96, 128, 65], [100, 256, 36], [192, 64, 192],
  [128, 128, 512], [384, 64, 128], [67, 32, 68], [100, 520, 68],
];

export const CLASSES: readonly ValueClass[] = ["normal", "small", "large", "sparse", "constant", "one-signed", "repeated"];

/** SUM |a b| for one output of alpha op(a) op(b), from the judge's own inputs. */
function sumOfSizes(run: JudgeRun, form: Form, index: number): number {
  const { M, N, K } = run.dims as { M: number; N: number; K: number };
  const { a, b } = run.inputs as { a: Float64Array; b: Float64Array };
  const row = Math.floor(index / N);
  const column = index % N;
  let sum = 0;
  for (let k = 0; k < K; k++) {
    sum += Math.abs(a[form === "TN" ? k * M + row : row * K + k]! * b[form === "NT" ? column * K + k : k * N + column]!);
  }
  return sum;
}

/** Promise 1's bound for the three products. What is accumulated onto is one more term of the sum. */
export function productBound(run: JudgeRun, form: Form, valueClass: ValueClass): (index: number) => number {
  const { K, alpha, accumulate } = run.dims as { K: number; alpha: number; accumulate: number };
  return (index) => {
    const before = accumulate ? Math.abs(run.inputs["out"]![index]!) : 0;
    return sumBound(K, Math.abs(alpha) * sumOfSizes(run, form, index) + before, run.outputs["out"]![index]!, valueClass);
  };
}

/** The same for a b + bias (+ residual): `extra` is the size of what else is added. */
export function biasedBound(run: JudgeRun, valueClass: ValueClass, output: string): (index: number) => number {
  const { N, K } = run.dims as { N: number; K: number };
  return (index) => {
    const extra = Math.abs(run.inputs["bias"]![index % N]!) + Math.abs(run.inputs["residual"]?.[index] ?? 0);
    return sumBound(K, sumOfSizes(run, "NN", index) + extra, run.outputs[output]![index]!, valueClass);
  };
}

/**
 * GELU of a value that is itself off by `before`: its slope is at most 1.13, and 2u, of which exp is taken, carries
 * its own rounding (3 + |2u| ulp by WGSL's table for exp, twice |2u| for the argument).
 */
export function geluBound(run: JudgeRun, before: (index: number) => number): (index: number) => number {
  return (index) => {
    const x = run.outputs["pre"]![index]!;
    const size = Math.min(2 * Math.sqrt(2 / Math.PI) * (Math.abs(x) + 0.044715 * Math.abs(x) ** 3), 80);
    const out = Math.abs(run.outputs["out"]![index]!);
    return 1.13 * before(index) + (8 + 6 * size) * 2 * U * out + 2 * ulp(out) + 2 ** -126;
  };
}

type ProductDims = DimValues<{ M: "u32"; N: "u32"; K: "u32"; accumulate: "u32"; alpha: "f32" }>;

export const dimsOf = ([M, K, N]: Shape, accumulate = 0, alpha = 1): ProductDims => ({ M, N, K, accumulate, alpha });

export const operands = ([M, K, N]: Shape, valueClass: ValueClass): { a: Float32Array; b: Float32Array } => ({
  a: values(valueClass, M * K, 1),
  b: values(valueClass, K * N, 2),
});
