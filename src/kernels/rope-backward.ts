/** The gradient of `rope.ts`: turned back by the same angles, and taken apart again. */
import { defineKernel } from "../device/types.ts";
import { eachHead, ropeDims, ropeVariants } from "./rope.ts";
import ropeBackwardWgsl from "../../shaders/rope-backward.wgsl?raw";

/**
 * dq and dk are the parts of dqkv turned the other way, (d1 cos + d2 sin, d2 cos - d1 sin); dv is its part as it is.
 * dqkv (N, (NH + 2 NKV) HS), pos (N), turns (T, HS), dq (N, NH HS), dk, dv (N, NKV HS).
 */
export const ropeBackward = defineKernel({
  name: "ropeBackward",
  bindings: { dqkv: "read", pos: "read:u32", turns: "read", dq: "write", dk: "write", dv: "write" },
  dims: ropeDims,
  cost: ({ N, NH, NKV, HS }) => ({ flops: 3 * N * (NH + NKV) * HS, bytes: 4 * N * (2 * (NH + 2 * NKV) * HS + HS + 1) }),
  variants: ropeVariants(ropeBackwardWgsl),
  wasm: "ropeBackward",
  meaning({ dqkv, pos, turns, dq, dk, dv }, dims) {
    const { HS } = dims;
    const half = HS / 2;
    eachHead(dims, (part, to, from, n) => {
      const out = part === "q" ? dq : part === "k" ? dk : dv;
      const turn = pos[n]! * HS;
      for (let i = 0; i < half; i++) {
        const [d1, d2] = [dqkv[from + i]!, dqkv[from + half + i]!];
        const [cos, sin] = part === "v" ? [1, 0] : [turns[turn + i]!, turns[turn + half + i]!];
        out[to + i] = d1 * cos + d2 * sin;
        out[to + half + i] = d2 * cos - d1 * sin;
      }
    });
  },
});
