/** The gradient of attention to its queries, recomputed from the saved log-sum-exp (Dao et al., arXiv 2205.14135). */
import { defineKernel } from "../device/types.ts";
import { attendedElements, attentionDims, attentionLayout, attentionPairs, attentionScratch, attentionVariants, qkvElements, type HeadModules } from "./attention.ts";
import { storedHalf } from "./stored-half.ts";
import plainWgsl from "../../shaders/attention-backward-q.wgsl?raw";
import fourWgsl from "../../shaders/attention-backward-q-four.wgsl?raw";
import headWgsl from "../../shaders/attention-backward-q-head.wgsl?raw";
import tileWgsl from "../../shaders/attention-backward-q-tile.wgsl?raw";
import savedHalfHead from "../../shaders/lib/saved-out-half-head.wgsl?raw";
import savedHalfVec4 from "../../shaders/lib/saved-out-half-vec4.wgsl?raw";
import savedF32 from "../../shaders/lib/saved-out-f32.wgsl?raw";
import qkvHalfHead from "../../shaders/lib/qkv-half-head.wgsl?raw";
import qkvHalfVec4 from "../../shaders/lib/qkv-half-vec4.wgsl?raw";
import qkvF32 from "../../shaders/lib/qkv-f32.wgsl?raw";

const modules: HeadModules = { plain: { name: "thread-per-query", wgsl: plainWgsl }, one: headWgsl, four: fourWgsl, tile: tileWgsl };

/**
 * delta[n, h] = dout . out, and with p = exp(score - lse): dq = the sum over s of p (dout . v[s] - delta) k[s] / sqrt(HS), written
 * to the q part of dqkv. qkv, dqkv (N, (NH + 2 NKV) HS), start (N), out, dout (N, NH HS), lse, delta (N, NH).
 */
export const attentionBackwardQ = defineKernel({
  name: "attentionBackwardQ",
  bindings: { qkv: "read", start: "read:u32", out: "read", dout: "read", lse: "read", delta: "write", dqkv: "write" },
  dims: attentionDims,
  cost: (dims) => ({
    flops: attentionPairs(dims) * (6 * dims.HS + 5),
    bytes: 4 * dims.B * dims.T * (attentionLayout(dims).stride + dims.NH * (3 * dims.HS + 2)),
  }),
  variants: attentionVariants(modules, ({ NH }) => NH, { vec4: qkvF32 + savedF32, head: qkvF32 + savedF32, lib: "" }),
  wasm: "attentionBackwardQ",
  meaning({ qkv, start, out, dout, lse, delta, dqkv }, dims) {
    const { B, T, NH, HS } = dims;
    const { stride, keys, values, group, scale } = attentionLayout(dims);
    const dq = attentionScratch(HS);
    for (let n = 0; n < B * T; n++) {
      const b = Math.floor(n / T);
      const t = n - b * T;
      for (let h = 0; h < NH; h++) {
        const kvHead = Math.floor(h / group) * HS;
        const q = n * stride + h * HS;
        const o = (n * NH + h) * HS;
        const logSum = lse[n * NH + h]!;
        let d = 0;
        for (let i = 0; i < HS; i++) d += dout[o + i]! * out[o + i]!;
        delta[n * NH + h] = d;
        dq.fill(0, 0, HS);
        for (let s = start[n]!; s <= t; s++) {
          const k = (b * T + s) * stride + keys + kvHead;
          const v = (b * T + s) * stride + values + kvHead;
          let score = 0;
          let dp = 0;
          for (let i = 0; i < HS; i++) {
            score += qkv[q + i]! * qkv[k + i]!;
            dp += dout[o + i]! * qkv[v + i]!;
          }
          const ds = Math.exp(score * scale - logSum) * (dp - d) * scale;
          for (let i = 0; i < HS; i++) dq[i] = dq[i]! + ds * qkv[k + i]!;
        }
        for (let i = 0; i < HS; i++) dqkv[q + i] = dq[i]!;
      }
    }
  },
});

/** The same, qkv and out stored as packed halves; gradients are f32. */
export const attentionBackwardQHalf = storedHalf(attentionBackwardQ, {
  packed: { qkv: qkvElements, out: attendedElements },
  variants: (lib) => attentionVariants(modules, ({ NH }) => NH, { vec4: qkvHalfVec4 + savedHalfVec4, head: qkvHalfHead + savedHalfHead, lib }),
});
