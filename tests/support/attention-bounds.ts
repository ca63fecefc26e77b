/**
 * How far attention and its backward may lie from the judge: promise 1's bound of each dot product and sum, carried through
 * the formula to first order with the WGSL table's error of exp. Also the cases on which they are checked.
 */
import type { AttentionDims } from "../../src/kernels/attention.ts";
import { isZeroMean, ulp, U, values, type JudgeRun, type ValueClass } from "./kernel-harness.ts";
import { expError } from "./row-cases.ts";

const TINY = 2 ** -126;

type Shape = readonly [B: number, T: number, NH: number, NKV: number, HS: number];

/**
 * B = 1, T = 1 and lengths on both sides of every workgroup; head sizes in use, and 12 for those that only the plain
 * variant takes (few sizes, since each is a pipeline to compile); grouped queries by 1, 2 and 3.
 */
export const ATTENTION_SHAPES: readonly Shape[] = [
  [1, 1, 1, 1, 12], [1, 1, 1, 1, 8], [1, 1, 4, 2, 64], [2, 1, 2, 1, 16], [1, 2, 1, 1, 8], [1, 2, 2, 2, 32], [3, 2, 2, 1, 12], [1, 3, 1, 1, 64],
  [2, 3, 3, 3, 16], [2, 3, 6, 2, 8], [1, 5, 2, 1, 32], [5, 5, 1, 1, 8], [2, 7, 4, 2, 12], [1, 8, 2, 2, 16], [1, 15, 1, 1, 12], [2, 16, 2, 1, 8],
  [1, 17, 4, 4, 16], [1, 31, 1, 1, 32], [2, 31, 2, 1, 8], [1, 32, 2, 2, 64], [2, 32, 1, 1, 16], [1, 33, 2, 1, 32], [3, 33, 1, 1, 8], [1, 48, 2, 1, 16],
  [1, 63, 1, 1, 16], [2, 63, 2, 2, 8], [1, 64, 4, 2, 8], [2, 64, 1, 1, 32], [1, 65, 2, 1, 64], [1, 65, 1, 1, 12], [2, 65, 3, 1, 8], [1, 96, 2, 2, 8],
  [1, 100, 1, 1, 12], [1, 127, 2, 1, 16], [1, 127, 1, 1, 32], [1, 128, 4, 4, 8], [2, 128, 1, 1, 64], [1, 129, 2, 2, 16], [1, 129, 2, 1, 8], [1, 257, 1, 1, 8],
];

export const attentionDimsOf = ([B, T, NH, NKV, HS]: Shape): AttentionDims => ({ B, T, NH, NKV, HS });

/** Document starts by column: whole rows as one document, some of a few tokens, some of one. */
export function startsOf({ B, T }: AttentionDims, documents: "one" | "several"): Uint32Array {
  const start = new Uint32Array(B * T);
  if (documents === "one") return start;
  for (let n = 1; n < B * T; n++) {
    const t = n % T;
    const border = t > 0 && ((n * 2_654_435_761) >>> 0) % 7 === 0;
    start[n] = t === 0 ? 0 : border ? t : start[n - 1]!;
  }
  return start;
}

/**
 * Packed q, k and v of a class. "large" queries and keys give scores of 1e9 whose own rounding is larger than their
 * differences: for the backward, which takes exp(score - lse), there "large" is in v and dout only.
 */
export function qkvOf(dims: AttentionDims, valueClass: ValueClass, calmScores = false): Float32Array {
  const { B, T, NH, NKV, HS } = dims;
  const width = (NH + 2 * NKV) * HS;
  const all = values(valueClass, B * T * width, 1);
  if (!calmScores || valueClass !== "large") return all;
  return all.map((x, i) => (i % width < (NH + NKV) * HS ? x * 1e-4 : x));
}

export interface AttentionBounds {
  readonly out: Float64Array;
  readonly lse: Float64Array;
  readonly delta: Float64Array;
  /** q, k and v parts together; what a kernel does not write has bound 0. */
  readonly dqkv: Float64Array;
}

/** Bounds of whichever of the three kernels the run is of, from what it was given. */
export function attentionBounds(run: JudgeRun, valueClass: ValueClass): AttentionBounds {
  const { B, T, NH, NKV, HS } = run.dims as unknown as AttentionDims;
  const { qkv, start, dout, out: savedOut } = run.inputs as Record<string, Float64Array>;
  const backward = run.inputs["dout"] !== undefined;
  const ofKeys = backward && run.outputs["delta"] === undefined;
  const lse = (backward ? run.inputs : run.outputs)["lse"]!;
  const out = backward ? savedOut : (run.outputs["out"] as Float64Array);
  const delta = (ofKeys ? run.inputs : run.outputs)["delta"];
  const growth = (K: number): number => (isZeroMean(valueClass) ? 2 * Math.sqrt(K) : K + 1) * U;
  const stride = (NH + 2 * NKV) * HS;
  const scale = 1 / Math.sqrt(HS);
  const bounds = { out: new Float64Array(B * T * NH * HS), lse: new Float64Array(lse.length), delta: new Float64Array(lse.length), dqkv: new Float64Array(B * T * stride) };
  const scores = new Float64Array(T);
  const scoreErrors = new Float64Array(T);

  for (let n = 0; n < B * T; n++) {
    const b = Math.floor(n / T);
    const t = n - b * T;
    const first = start![n]!;
    const terms = backward && ofKeys ? T * (NH / NKV) : t - first + 1;
    for (let h = 0; h < NH; h++) {
      const row = n * NH + h;
      const q = n * stride + h * HS;
      const kv = Math.floor(h / (NH / NKV)) * HS;
      const key = (s: number): number => (b * T + s) * stride + NH * HS + kv;
      let [largest, least] = [-Infinity, Infinity];
      for (let s = first; s <= t; s++) {
        let [score, size] = [0, 0];
        for (let i = 0; i < HS; i++) {
          score += qkv![q + i]! * qkv![key(s) + i]! * scale;
          size += Math.abs(qkv![q + i]! * qkv![key(s) + i]!) * scale;
        }
        scores[s] = score;
        scoreErrors[s] = (growth(HS) + 5 * U) * size; // the scale itself and its product with q
        largest = Math.max(largest, score);
        least = Math.min(least, score);
      }
      // Rescaling as the maximum grows: a chain of exponentials whose arguments add up to at most largest - least.
      const chain = backward ? 0 : expError(largest - least) + 3 * U * Math.min(terms, 40);
      let [sumError, lseError] = [0, 0];
      const weight = (s: number): number => Math.exp(scores[s]! - lse[row]!);
      const weightError = (s: number): number => {
        const from = backward ? lse[row]! : largest;
        return Math.expm1(Math.min(scoreErrors[s]! + U * (Math.abs(scores[s]!) + Math.abs(from)) + expError(scores[s]! - from) + chain, 80));
      };
      if (!backward) {
        for (let s = first; s <= t; s++) sumError += weight(s) * weightError(s);
        sumError += (terms + 1) * U; // exponentials have one sign
        lseError = sumError + 4 * ulp(lse[row]!) + 4 * U;
        bounds.lse[row] = lseError;
        for (let i = 0; i < HS; i++) {
          let [error, size] = [0, 0];
          for (let s = first; s <= t; s++) {
            const v = qkv![key(s) + NKV * HS + i]!;
            error += weight(s) * weightError(s) * Math.abs(v);
            size += weight(s) * Math.abs(v);
          }
          const y = out![row * HS + i]!;
          bounds.out[row * HS + i] = error + (growth(terms) + 2 * U) * size + Math.abs(y) * (sumError + 6 * U) + 2 * ulp(y) + TINY;
        }
        continue;
      }
      let deltaError = 0;
      if (!ofKeys) {
        let size = 0;
        for (let i = 0; i < HS; i++) size += Math.abs(dout![row * HS + i]! * out![row * HS + i]!);
        deltaError = growth(HS) * size + 2 * ulp(delta![row]!) + TINY;
        bounds.delta[row] = deltaError;
      }
      for (let s = first; s <= t; s++) {
        const [k, v] = [key(s), key(s) + NKV * HS];
        let [dp, dpSize] = [0, 0];
        for (let i = 0; i < HS; i++) {
          dp += dout![row * HS + i]! * qkv![v + i]!;
          dpSize += Math.abs(dout![row * HS + i]! * qkv![v + i]!);
        }
        const p = weight(s);
        const ds = Math.abs(p * (dp - delta![row]!) * scale);
        const inner = growth(HS) * dpSize + deltaError + 2 * U * (Math.abs(dp) + Math.abs(delta![row]!));
        const dsError = ds * (weightError(s) + 6 * U) + p * (1 + weightError(s)) * inner * scale;
        const pError = p * (weightError(s) + 2 * U);
        for (let i = 0; i < HS; i++) {
          if (ofKeys) {
            bounds.dqkv[k + i]! += (dsError + (growth(terms) + 3 * U) * ds) * Math.abs(qkv![q + i]!) + TINY;
            bounds.dqkv[v + i]! += (pError + (growth(terms) + 2 * U) * p) * Math.abs(dout![row * HS + i]!) + TINY;
          } else {
            bounds.dqkv[q + i]! += (dsError + (growth(terms) + 3 * U) * ds) * Math.abs(qkv![k + i]!) + TINY;
          }
        }
      }
    }
  }
  return bounds;
}
