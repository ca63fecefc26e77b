/**
 * Inputs and bounds of RMSNorm, SwiGLU and rotary embedding, shared by their tests on the GPU and in WebAssembly: promise 1's
 * bound of each sum, carried through the formula to first order with the WGSL table's error of each operation.
 */
import { rmsnorm } from "../../src/kernels/rmsnorm.ts";
import { ropeTable } from "../../src/kernels/rope.ts";
import { integers, isZeroMean, sumBound, ulp, U, values, type JudgeRun, type ValueClass } from "./kernel-harness.ts";
import { expError } from "./row-cases.ts";

const TINY = 2 ** -126;

export function judgeRmsnorm(inp: Float64Array, weight: Float64Array, eps = 1e-5): { out: Float64Array; rstd: Float64Array } {
  const C = weight.length;
  const N = inp.length / C;
  const outputs = { out: new Float64Array(N * C).fill(NaN), rstd: new Float64Array(N).fill(NaN) };
  rmsnorm.meaning({ inp, weight, ...outputs }, { N, C, eps });
  return outputs;
}

/** What the backward kernels read. */
export function rmsnormInputs(N: number, C: number, valueClass: ValueClass): Record<"inp" | "weight" | "rstd" | "dout", Float32Array> {
  const [inp, weight] = [values(valueClass, N * C, 1), values("normal", C, 2)];
  const { rstd } = judgeRmsnorm(Float64Array.from(inp), Float64Array.from(weight));
  return { inp, weight, rstd: Float32Array.from(rstd), dout: values(valueClass, N * C, 3) };
}

/** Squares have one sign; the division, eps, and inverseSqrt's 2 ulp come on top. */
export function rmsnormBounds({ dims, outputs }: JudgeRun): { out: (index: number) => number; rstd: (index: number) => number } {
  const { C } = dims as { C: number };
  const relative = 0.5 * (C + 8) * U + 4 * U;
  return {
    out: (i) => Math.abs(outputs["out"]![i]!) * (relative + 2 * U) + 2 * ulp(outputs["out"]![i]!) + TINY,
    rstd: (n) => outputs["rstd"]![n]! * relative + TINY,
  };
}

export function rmsnormBackwardBound(run: JudgeRun, valueClass: ValueClass): Float64Array {
  const { N, C, accumulate } = run.dims as { N: number; C: number; accumulate: number };
  const { inp, weight, rstd, dout, dinp: before } = run.inputs as Record<string, Float64Array>;
  const after = run.outputs["dinp"]!;
  const bound = new Float64Array(N * C);
  const growth = (isZeroMean(valueClass) ? 2 * Math.sqrt(C) : C + 1) * U;
  for (let n = 0; n < N; n++) {
    const r = rstd![n]!;
    const g = (c: number): number => weight![c]! * dout![n * C + c]!;
    const z = (c: number): number => inp![n * C + c]! * r;
    let [sum, size] = [0, 0];
    for (let c = 0; c < C; c++) {
      sum += (g(c) * z(c)) / C;
      size += Math.abs(g(c) * z(c)) / C;
    }
    const averageError = (growth + 3 * U) * size + 3 * U * Math.abs(sum); // a term carries three roundings
    for (let c = 0; c < C; c++) {
      const i = n * C + c;
      const inner = 3 * U * (Math.abs(g(c)) + Math.abs(z(c) * sum)) + Math.abs(z(c)) * averageError;
      const d = accumulate ? after[i]! - before![i]! : after[i]!;
      bound[i] = r * inner + 2 * U * Math.abs(d) + 2 * ulp(after[i]!) + TINY;
    }
  }
  return bound;
}

/** A term carries one rounding more than a product. */
export function rmsnormWeightBound({ dims, inputs, outputs }: JudgeRun, valueClass: ValueClass): Float64Array {
  const { N, C } = dims as { N: number; C: number };
  const { inp, rstd, dout, dweight } = inputs as Record<string, Float64Array>;
  const sizes = dweight!.map(Math.abs);
  for (let i = 0; i < N * C; i++) sizes[i % C]! += Math.abs(dout![i]! * inp![i]! * rstd![Math.floor(i / C)]!);
  return sizes.map((size, c) => sumBound(N + 2, size, outputs["dweight"]![c]!, valueClass));
}

/** How far the logistic of x may be off, relative to itself: the exponential, one sum, one division. */
const logisticError = (x: number): number => expError(Math.min(Math.abs(x), 80)) + 8 * U;
/** Past the clamp of the exponent the shader gives e^-80 where the formula gives less. */
const TAIL = 2 * Math.exp(-80);

export function swigluBound({ inputs, outputs }: JudgeRun): { out: (index: number) => number } {
  const { gate, up } = inputs as Record<string, Float64Array>;
  return {
    out: (i) => {
      const y = outputs["out"]![i]!;
      return Math.abs(y) * (logisticError(gate![i]!) + 2 * U) + Math.abs(gate![i]! * up![i]!) * TAIL + ulp(y) + TINY;
    },
  };
}

/** The slope is s + x s (1 - s): both terms carry the logistic's error, and where they cancel their errors do not. */
export function swigluBackwardBounds({ inputs, outputs }: JudgeRun): { dgate: (index: number) => number; dup: (index: number) => number } {
  const { gate, up, dout } = inputs as Record<string, Float64Array>;
  return {
    dgate: (i) => {
      const x = gate![i]!;
      const s = 1 / (1 + Math.exp(-x));
      const steep = Math.abs(x) * s * (1 / (1 + Math.exp(x)));
      const size = Math.abs(dout![i]! * up![i]!);
      return size * ((s + 2 * steep) * (logisticError(x) + 4 * U) + (1 + Math.abs(x)) * TAIL) + ulp(outputs["dgate"]![i]!) + TINY;
    },
    dup: (i) => {
      const [x, y] = [gate![i]!, outputs["dup"]![i]!];
      return Math.abs(y) * (logisticError(x) + 2 * U) + Math.abs(dout![i]! * x) * TAIL + ulp(y) + TINY;
    },
  };
}

/** [N, NH, NKV, HS]: groups of every kind, half heads on both sides of four, threads on both sides of a workgroup. */
export const ROPE_SHAPES: readonly (readonly [N: number, NH: number, NKV: number, HS: number])[] = [
  [1, 1, 1, 2], [1, 1, 1, 4], [1, 1, 1, 8], [1, 2, 1, 6], [2, 2, 2, 8], [3, 4, 2, 8], [5, 4, 1, 4], [7, 3, 1, 12], [1, 6, 2, 16],
  [2, 1, 1, 20], [31, 2, 1, 8], [32, 2, 1, 8], [33, 2, 1, 8], [9, 5, 5, 10], [64, 1, 1, 2], [65, 1, 1, 2], [16, 4, 2, 24],
  [17, 2, 2, 32], [5, 8, 2, 48], [3, 2, 1, 64], [2, 3, 3, 100], [2, 2, 1, 128], [1, 16, 4, 32], [130, 2, 1, 4], [63, 1, 1, 6],
  [21, 3, 3, 8], [22, 3, 1, 16], [11, 9, 3, 14], [128, 4, 4, 8], [129, 4, 2, 8], [4, 1, 1, 66], [6, 2, 1, 40], [12, 12, 4, 4],
  [13, 7, 7, 6], [100, 2, 2, 18], [257, 1, 1, 4], [40, 8, 4, 12], [8, 32, 8, 8], [19, 6, 3, 28], [1, 64, 1, 4], [2, 1, 1, 126],
];

export interface RopeCase {
  readonly dims: { readonly N: number; readonly NH: number; readonly NKV: number; readonly HS: number };
  readonly q: Float32Array;
  readonly k: Float32Array;
  readonly v: Float32Array;
  readonly dqkv: Float32Array;
  readonly pos: Uint32Array;
  readonly turns: Float32Array;
}

/** Positions anywhere in a table of 50. */
export function ropeCase([N, NH, NKV, HS]: (typeof ROPE_SHAPES)[number], valueClass: ValueClass): RopeCase {
  const [wide, narrow] = [N * NH * HS, N * NKV * HS];
  return {
    dims: { N, NH, NKV, HS }, q: values(valueClass, wide, 1), k: values(valueClass, narrow, 2), v: values(valueClass, narrow, 3),
    dqkv: values(valueClass, wide + 2 * narrow, 4), pos: integers(N, 50, 5), turns: ropeTable(50, HS, 10_000),
  };
}

/** Two products and a sum for each output; `|x|` of the pair bounds both products. */
export function ropeBound(packed: ArrayLike<number>, output: ArrayLike<number>): (index: number) => number {
  const most = Array.from(packed).reduce((largest, x) => Math.max(largest, Math.abs(x)), 0);
  return (i) => 4 * U * most + ulp(output[i]!) + TINY;
}
