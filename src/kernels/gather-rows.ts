/** Picks rows of a matrix: the last position of each prompt before the head, so that the head need not run on all. */
import { defineKernel } from "../device/types.ts";
import { groupsOf } from "./elementwise.ts";
import gatherRowsWgsl from "../../shaders/gather-rows.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";

/** out[r] = inp[index[r]]; inp (N, C), index (R), each below N, out (R, C). */
export const gatherRows = defineKernel({
  name: "gatherRows",
  bindings: { inp: "read", index: "read:u32", out: "write" },
  dims: { R: "u32", C: "u32" },
  cost: ({ R, C }) => ({ flops: 0, bytes: 8 * R * C + 4 * R }),
  variants: [{ name: "thread-per-element", wgsl: linearId + gatherRowsWgsl, workgroups: ({ R, C }) => groupsOf(R * C) }],
  meaning({ inp, index, out }, { R, C }) {
    for (let r = 0; r < R; r++) {
      const from = index[r] * C;
      for (let c = 0; c < C; c++) out[r * C + c] = inp[from + c];
    }
  },
});
