/**
 * Attention of one new token a row over its KV cache: generation's counterpart of the training attention. It has no gradient,
 * and no document starts, since a row of a generation is one document.
 */
import { defineKernel } from "../device/types.ts";
import decodeAttentionWgsl from "../../shaders/decode-attention.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";

const THREADS = 64;

/**
 * out[r, h] = SUM_t softmax_t(q . k_t / sqrt(HS)) v_t over t in [0, pos[r]]: earlier keys and values from the cache, the
 * current ones from qkv, which are also stored in the cache at pos[r]. qkv (R, (NH + 2 NKV) HS), cache (R, 2, T, NKV HS),
 * pos (R), each below T, out (R, NH HS). Query head h reads key head floor(h NKV / NH).
 */
export const decodeAttention = defineKernel({
  name: "decodeAttention",
  bindings: { qkv: "read", cache: "readwrite", pos: "read:u32", out: "write" },
  dims: { R: "u32", T: "u32", NH: "u32", NKV: "u32", HS: "u32" },
  cost: ({ R, T, NH, NKV, HS }) => ({ flops: 4 * R * NH * T * HS, bytes: 4 * R * (2 * T * NKV * HS + (2 * NH + 4 * NKV) * HS) }),
  variants: [
    {
      name: "workgroup-per-head",
      wgsl: linearId + decodeAttentionWgsl,
      constants: ({ HS }) => ({ SLOTS: Math.ceil(HS / THREADS) }),
      workgroups: ({ R, NH }) => R * NH,
    },
  ],
  meaning({ qkv, cache, pos, out }, { R, T, NH, NKV, HS }) {
    const kv = NKV * HS;
    const width = NH * HS + 2 * kv;
    const scale = 1 / Math.sqrt(HS);
    const weights = new Float64Array(T);
    for (let r = 0; r < R; r++) {
      const now = r * width + NH * HS;
      const keys = 2 * r * T * kv;
      const values = keys + T * kv;
      const last = pos[r];
      for (let c = 0; c < kv; c++) {
        cache[keys + last * kv + c] = qkv[now + c];
        cache[values + last * kv + c] = qkv[now + kv + c];
      }
      for (let h = 0; h < NH; h++) {
        const q = r * width + h * HS;
        const head = Math.floor((h * NKV) / NH) * HS;
        let max = -Infinity;
        for (let t = 0; t <= last; t++) {
          const k = keys + t * kv + head;
          let dot = 0;
          for (let d = 0; d < HS; d++) dot += qkv[q + d] * cache[k + d];
          weights[t] = dot * scale;
          if (weights[t] > max) max = weights[t];
        }
        let sum = 0;
        for (let t = 0; t <= last; t++) {
          weights[t] = Math.exp(weights[t] - max);
          sum += weights[t];
        }
        for (let d = 0; d < HS; d++) {
          let mix = 0;
          for (let t = 0; t <= last; t++) mix += weights[t] * cache[values + t * kv + head + d];
          out[(r * NH + h) * HS + d] = mix / sum;
        }
      }
    }
  },
});
