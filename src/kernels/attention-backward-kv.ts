/** The gradients of attention to its keys and values. Runs after `attention-backward-q.ts`, which leaves delta. */
import { defineKernel } from "../device/types.ts";
import { attentionDims, attentionLayout, attentionPairs, attentionScratch, attentionVariants, qkvElements, type HeadModules } from "./attention.ts";
import { storedHalf } from "./stored-half.ts";
import plainWgsl from "../../shaders/attention-backward-kv.wgsl?raw";
import fourWgsl from "../../shaders/attention-backward-kv-four.wgsl?raw";
import headWgsl from "../../shaders/attention-backward-kv-head.wgsl?raw";
import tileWgsl from "../../shaders/attention-backward-kv-tile.wgsl?raw";
import qkvHalfHead from "../../shaders/lib/qkv-half-head.wgsl?raw";
import qkvHalfVec4 from "../../shaders/lib/qkv-half-vec4.wgsl?raw";
import qkvF32 from "../../shaders/lib/qkv-f32.wgsl?raw";

const modules: HeadModules = { plain: { name: "thread-per-key", wgsl: plainWgsl }, one: headWgsl, four: fourWgsl, tile: tileWgsl };

/**
 * With p = exp(score - lse) over every query (n, h) that sees key s: dv[s] = the sum of p dout[n, h], dk[s] = the sum of
 * p (dout . v[s] - delta) q[n, h] / sqrt(HS), heads of a group in order and queries in order within a head, written to the k
 * and v parts of dqkv. qkv, dqkv (N, (NH + 2 NKV) HS), start (N), dout (N, NH HS), lse, delta (N, NH).
 */
export const attentionBackwardKV = defineKernel({
  name: "attentionBackwardKV",
  bindings: { qkv: "read", start: "read:u32", dout: "read", lse: "read", delta: "read", dqkv: "readwrite" },
  dims: attentionDims,
  cost: (dims) => ({
    flops: attentionPairs(dims) * (8 * dims.HS + 5),
    bytes: 4 * dims.B * dims.T * (attentionLayout(dims).stride + dims.NH * (dims.HS + 2) + 2 * dims.NKV * dims.HS),
  }),
  variants: attentionVariants(modules, ({ NKV }) => NKV, { vec4: qkvF32, head: qkvF32, lib: "" }),
  wasm: "attentionBackwardKV",
  meaning({ qkv, start, dout, lse, delta, dqkv }, dims) {
    const { B, T, NH, NKV, HS } = dims;
    const { stride, keys, values, group, scale } = attentionLayout(dims);
    const sums = attentionScratch(2 * T * HS); // dk of every key of one head [0, T HS), then dv
    const dvs = T * HS;
    for (let b = 0; b < B; b++) {
      for (let kvHead = 0; kvHead < NKV; kvHead++) {
        sums.fill(0, 0, 2 * T * HS);
        const k0 = b * T * stride + keys + kvHead * HS;
        const v0 = b * T * stride + values + kvHead * HS;
        for (let h = kvHead * group; h < (kvHead + 1) * group; h++) {
          for (let t = 0; t < T; t++) {
            const n = b * T + t;
            const q = n * stride + h * HS;
            const o = (n * NH + h) * HS;
            const logSum = lse[n * NH + h]!;
            const d = delta[n * NH + h]!;
            for (let s = start[n]!; s <= t; s++) {
              const k = k0 + s * stride;
              const v = v0 + s * stride;
              let score = 0;
              let dp = 0;
              for (let i = 0; i < HS; i++) {
                score += qkv[q + i]! * qkv[k + i]!;
                dp += dout[o + i]! * qkv[v + i]!;
              }
              const p = Math.exp(score * scale - logSum);
              const ds = p * (dp - d) * scale;
              const at = s * HS;
              for (let i = 0; i < HS; i++) {
                sums[at + i] = sums[at + i]! + ds * qkv[q + i]!;
                sums[dvs + at + i] = sums[dvs + at + i]! + p * dout[o + i]!;
              }
            }
          }
        }
        for (let s = 0; s < T; s++) {
          for (let i = 0; i < HS; i++) {
            dqkv[k0 + s * stride + i] = sums[s * HS + i]!;
            dqkv[v0 + s * stride + i] = sums[dvs + s * HS + i]!;
          }
        }
      }
    }
  },
});

/** The same, qkv stored as packed halves; gradients are f32. */
export const attentionBackwardKVHalf = storedHalf(attentionBackwardKV, {
  packed: { qkv: qkvElements },
  variants: (lib) => attentionVariants(modules, ({ NKV }) => NKV, { vec4: qkvHalfVec4, head: qkvHalfHead, lib }),
});
