/** Shapes, data and bounds on which the KV cache's kernels are checked. The bound is derived, not fitted. */
import { U, ulp, values, type JudgeRun, type ValueClass } from "./kernel-harness.ts";
import { expError } from "./row-cases.ts";

export interface DecodeDims {
  readonly R: number;
  readonly T: number;
  readonly NH: number;
  readonly NKV: number;
  readonly HS: number;
}

const shape = (R: number, T: number, NH: number, NKV: number, HS: number): DecodeDims => ({ R, T, NH, NKV, HS });

/** One token and many, both sides of the 64 keys and the 64 channels that a workgroup takes at once, grouped queries. */
export const DECODE_SHAPES: readonly DecodeDims[] = [
  shape(1, 1, 1, 1, 1), shape(1, 1, 2, 1, 4), shape(3, 1, 4, 2, 8), shape(1, 2, 1, 1, 3), shape(2, 2, 2, 2, 16),
  shape(1, 3, 4, 4, 5), shape(3, 4, 6, 2, 7), shape(2, 5, 3, 1, 64), shape(1, 8, 4, 4, 32), shape(2, 16, 4, 2, 33),
  shape(1, 31, 2, 1, 65), shape(1, 32, 1, 1, 128), shape(2, 33, 2, 2, 129), shape(1, 63, 4, 4, 32), shape(2, 63, 3, 3, 2),
  shape(1, 64, 4, 4, 32), shape(3, 64, 2, 1, 16), shape(1, 65, 4, 4, 32), shape(3, 65, 4, 1, 8), shape(1, 100, 5, 5, 10),
  shape(1, 127, 2, 2, 24), shape(2, 127, 6, 3, 4), shape(1, 128, 4, 4, 32), shape(2, 128, 2, 1, 63), shape(1, 129, 4, 4, 32),
  shape(4, 129, 2, 2, 1), shape(1, 191, 1, 1, 64), shape(1, 192, 3, 3, 20), shape(2, 193, 2, 1, 40), shape(1, 255, 2, 2, 16),
  shape(1, 256, 4, 2, 64), shape(2, 257, 4, 4, 12), shape(1, 300, 6, 6, 6), shape(1, 511, 1, 1, 8), shape(1, 512, 2, 2, 32),
  shape(2, 513, 2, 1, 4), shape(1, 1000, 2, 2, 16), shape(1, 1024, 1, 1, 64), shape(1, 1025, 2, 1, 9), shape(7, 20, 8, 2, 48),
];

/** What lies in the cache from `pos` on: a number that would show in any sum. (NaN would hide an unwritten slot from the judge.) */
const JUNK = 1e30;

/** q is normal and k, v are of the class; positions spread over the cache, the last row at its end. */
export function decodeInputs({ R, T, NH, NKV, HS }: DecodeDims, valueClass: ValueClass): { qkv: Float32Array; cache: Float32Array; pos: Uint32Array } {
  const kv = NKV * HS;
  const width = NH * HS + 2 * kv;
  const qkv = values("normal", R * width, 1);
  const now = values(valueClass, R * 2 * kv, 2);
  const cache = values(valueClass, R * 2 * T * kv, 3);
  const pos = Uint32Array.from({ length: R }, (_, r) => Math.floor(((r + 1) * (T - 1)) / R));
  for (let r = 0; r < R; r++) {
    qkv.set(now.subarray(r * 2 * kv, (r + 1) * 2 * kv), r * width + NH * HS);
    for (let which = 0; which < 2; which++) {
      const start = (2 * r + which) * T * kv;
      cache.fill(JUNK, start + pos[r]! * kv, start + T * kv);
    }
  }
  return { qkv, cache, pos };
}

/**
 * First-order error of softmax-weighted values: a score carries its dot product's roundings, a weight its exponential's and
 * one rescaling for each 64 keys; out = SUM p v moves by at most SUM p e (|v| + |out|), and its sum rounds once a term.
 */
export function decodeBound(run: JudgeRun): (index: number) => number {
  const { T, NH, NKV, HS } = run.dims as unknown as DecodeDims;
  const kv = NKV * HS;
  const width = NH * HS + 2 * kv;
  const qkv = run.inputs["qkv"]!;
  const cache = run.outputs["cache"]!;
  const out = run.outputs["out"]!;
  return (index) => {
    const r = Math.floor(index / (NH * HS));
    const h = Math.floor(index / HS) % NH;
    const head = Math.floor((h * NKV) / NH) * HS;
    const last = run.inputs["pos"]![r]!;
    const scores: number[] = [];
    const errors: number[] = [];
    for (let t = 0; t <= last; t++) {
      let dot = 0;
      let sizes = 0;
      for (let d = 0; d < HS; d++) {
        const term = qkv[r * width + h * HS + d]! * cache[(2 * r * T + t) * kv + head + d]!;
        dot += term;
        sizes += Math.abs(term);
      }
      scores.push(dot / Math.sqrt(HS));
      errors.push(((HS + 6) * U * sizes) / Math.sqrt(HS));
    }
    const max = Math.max(...scores);
    const total = scores.reduce((sum, score) => sum + Math.exp(score - max), 0);
    const chunks = Math.ceil((last + 1) / 64);
    let bound = 0;
    scores.forEach((score, t) => {
      const p = Math.exp(score - max) / total;
      const value = Math.abs(cache[((2 * r + 1) * T + t) * kv + head + (index % HS)]!);
      bound += p * (expError(score - max) + errors[t]! + 10 * U * chunks + (last + 3) * U) * (value + Math.abs(out[index]!)) + 2 ** -126 * value;
    });
    return bound + 4 * ulp(out[index]!) + 2 ** -126;
  };
}
