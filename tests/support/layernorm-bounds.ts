/**
 * How far LayerNorm and its backward may lie from the judge: promise 1's bound of each sum, carried through the formula to
 * first order with the WGSL table's error of each operation.
 */
import { isZeroMean, ulp, U, type JudgeRun, type ValueClass } from "./kernel-harness.ts";

const TINY = 2 ** -126;
/** Promise 1's growth of a sum of C terms. */
const growthOf = (C: number, valueClass: ValueClass): number => (isZeroMean(valueClass) ? 2 * Math.sqrt(C) : C + 1);

export function layernormBounds(run: JudgeRun, valueClass: ValueClass): { out: Float64Array; mean: Float64Array; rstd: Float64Array } {
  const { N, C } = run.dims as { N: number; C: number };
  const { inp, weight, bias } = run.inputs as Record<string, Float64Array>;
  const { out, mean, rstd } = run.outputs as Record<string, Float64Array>;
  const bounds = { out: new Float64Array(N * C), mean: new Float64Array(N), rstd: new Float64Array(N) };
  for (let n = 0; n < N; n++) {
    const [m, r] = [mean![n]!, rstd![n]!];
    let deviation = 0;
    let variance = 0;
    for (let c = 0; c < C; c++) {
      const d = inp![n * C + c]! - m;
      deviation += Math.abs(d) / C;
      variance += (d * d) / C;
    }
    // Both passes over the row leave an error of the deviations' sum, then the mean is rounded.
    const meanError = growthOf(C, valueClass) * U * deviation + 2 * ulp(m) + TINY;
    const varianceError = (C + 4) * U * variance + 4 * meanError ** 2; // squares have one sign
    const rstdError = r * (0.5 * (varianceError * r * r + 2 * U) + 4 * U); // inverseSqrt: 2 ulp
    bounds.mean[n] = meanError;
    bounds.rstd[n] = rstdError + TINY;
    for (let c = 0; c < C; c++) {
      const i = n * C + c;
      const scaled = Math.abs(out![i]! - bias![c]!);
      const differenceError = meanError + U * Math.abs(inp![i]! - m);
      bounds.out[i] = Math.abs(weight![c]!) * r * differenceError + scaled * (rstdError / r + 3 * U) + 2 * ulp(out![i]!) + TINY;
    }
  }
  return bounds;
}

export function layernormBackwardBound(run: JudgeRun, valueClass: ValueClass): Float64Array {
  const { N, C, accumulate } = run.dims as { N: number; C: number; accumulate: number };
  const { inp, weight, mean, rstd, dout, dinp: before } = run.inputs as Record<string, Float64Array>;
  const after = run.outputs["dinp"]!;
  const bound = new Float64Array(N * C);
  const growth = growthOf(C, valueClass) * U;
  for (let n = 0; n < N; n++) {
    const [m, r] = [mean![n]!, rstd![n]!];
    const g = (c: number): number => weight![c]! * dout![n * C + c]!;
    const z = (c: number): number => (inp![n * C + c]! - m) * r;
    let [sum, sumZ, size, sizeZ] = [0, 0, 0, 0];
    for (let c = 0; c < C; c++) {
      sum += g(c) / C;
      sumZ += (g(c) * z(c)) / C;
      size += Math.abs(g(c)) / C;
      sizeZ += Math.abs(g(c) * z(c)) / C;
    }
    const averageError = (growth + U) * size + 3 * U * Math.abs(sum); // a term is one product
    const averageZError = (growth + 4 * U) * sizeZ + 3 * U * Math.abs(sumZ); // a term carries four roundings
    for (let c = 0; c < C; c++) {
      const i = n * C + c;
      const inner = 4 * U * (Math.abs(g(c)) + Math.abs(sum) + 2 * Math.abs(z(c) * sumZ)) + averageError + Math.abs(z(c)) * averageZError;
      const d = accumulate ? after[i]! - before![i]! : after[i]!;
      bound[i] = r * inner + 2 * U * Math.abs(d) + 2 * ulp(after[i]!) + TINY;
    }
  }
  return bound;
}
