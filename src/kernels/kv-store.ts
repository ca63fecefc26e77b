/** Copies prefill's keys and values into the KV cache that `decode-attention.ts` reads and extends. */
import { defineKernel } from "../device/types.ts";
import { groupsOf } from "./elementwise.ts";
import kvStoreWgsl from "../../shaders/kv-store.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";

/** cache[r, 0, t] = k of row (r, t), cache[r, 1, t] = v; qkv (R T, (NH + 2 NKV) HS) packed q, k, v; cache (R, 2, T, NKV HS). */
export const kvStore = defineKernel({
  name: "kvStore",
  bindings: { qkv: "read", cache: "write" },
  dims: { R: "u32", T: "u32", NH: "u32", NKV: "u32", HS: "u32" },
  cost: ({ R, T, NKV, HS }) => ({ flops: 0, bytes: 16 * R * T * NKV * HS }),
  variants: [
    { name: "thread-per-element", wgsl: linearId + kvStoreWgsl, workgroups: ({ R, T, NKV, HS }) => groupsOf(2 * R * T * NKV * HS) },
  ],
  meaning({ qkv, cache }, { R, T, NH, NKV, HS }) {
    const kv = NKV * HS;
    const width = NH * HS + 2 * kv;
    for (let r = 0; r < R; r++) {
      for (let t = 0; t < T; t++) {
        const from = (r * T + t) * width + NH * HS;
        const key = (2 * r * T + t) * kv;
        const value = key + T * kv;
        for (let c = 0; c < kv; c++) {
          cache[key + c] = qkv[from + c];
          cache[value + c] = qkv[from + kv + c];
        }
      }
    }
  },
});
