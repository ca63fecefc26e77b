/**
 * How much each query looks at each key, for showing it (Vaswani et al., arXiv 1706.03762): the T x T table that the training
 * attention never stores. It has no gradient and takes one sequence.
 */
import { defineKernel } from "../device/types.ts";
import { groupsOf } from "./elementwise.ts";
import attentionWeightsWgsl from "../../shaders/attention-weights.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";

/**
 * out[h, t, s] = exp(q[t, h] . k[s] / sqrt(HS)) / the sum of the same over s from start[t] to t, and 0 for every other s. Query head
 * h reads key head floor(h NKV / NH). qkv (T, (NH + 2 NKV) HS) as `attention` packs it, start (T) with start[t] <= t, out (NH, T, T).
 */
export const attentionWeights = defineKernel({
  name: "attentionWeights",
  bindings: { qkv: "read", start: "read:u32", out: "write" },
  dims: { T: "u32", NH: "u32", NKV: "u32", HS: "u32" },
  cost: ({ T, NH, NKV, HS }) => ({ flops: ((NH * T * (T + 1)) / 2) * (2 * HS + 4), bytes: 4 * (T * (NH + NKV) * HS + NH * T * T) }),
  variants: [{ name: "thread-per-query", wgsl: linearId + attentionWeightsWgsl, workgroups: ({ T, NH }) => groupsOf(T * NH) }],
  meaning({ qkv, start, out }, { T, NH, NKV, HS }) {
    const stride = (NH + 2 * NKV) * HS;
    for (let h = 0; h < NH; h++) {
      const keys = (NH + Math.floor((h * NKV) / NH)) * HS;
      for (let t = 0; t < T; t++) {
        const row = (h * T + t) * T;
        const scores = Array.from({ length: t + 1 - start[t] }, (_, i) => {
          const s = start[t] + i;
          let dot = 0;
          for (let d = 0; d < HS; d++) dot += qkv[t * stride + h * HS + d] * qkv[s * stride + keys + d];
          return dot / Math.sqrt(HS);
        });
        const max = Math.max(...scores);
        const sum = scores.reduce((total, score) => total + Math.exp(score - max), 0);
        out.fill(0, row, row + T);
        scores.forEach((score, i) => (out[row + start[t] + i] = Math.exp(score - max) / sum));
      }
    }
  },
});
