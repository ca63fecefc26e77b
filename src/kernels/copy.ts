/** A copy by invocations: what memory gives to a kernel, which is less than what a buffer copy gets. The bench measures with it; no model uses it. */
import { defineKernel } from "../device/types.ts";
import { groupsOf } from "./elementwise.ts";
import copyWgsl from "../../shaders/copy.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";

/** out = inp, both (size), size a multiple of 4. */
export const copy = defineKernel({
  name: "copy",
  bindings: { inp: "read", out: "write" },
  dims: { size: "u32" },
  cost: ({ size }) => ({ flops: 0, bytes: 8 * size }),
  variants: [{ name: "vec4", wgsl: linearId + copyWgsl, workgroups: ({ size }) => groupsOf(size / 4), fits: ({ size }) => size % 4 === 0 }],
  wasm: "copy",
  meaning({ inp, out }, { size }) {
    for (let i = 0; i < size; i++) out[i] = inp[i];
  },
});
