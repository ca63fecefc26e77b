/** Rounding an arena of weights to bf16: the shadow that products read in mixed storage. Runs before every step. */
import { defineKernel } from "../device/types.ts";
import { groupsOf } from "./elementwise.ts";
import packWgsl from "../../shaders/pack-bf16.wgsl?raw";
import bf16 from "../../shaders/lib/bf16.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";

/** out = inp, rounded to nearest even and stored as bf16; both (size), size a multiple of 4 (arenas are padded to 64). */
export const packBf16 = defineKernel({
  name: "packBf16",
  bindings: { inp: "read", out: "write:bf16" },
  dims: { size: "u32" },
  cost: ({ size }) => ({ flops: 0, bytes: 6 * size }),
  variants: [{ name: "vec4", wgsl: bf16 + linearId + packWgsl, workgroups: ({ size }) => groupsOf(size / 4), fits: ({ size }) => size % 4 === 0 }],
  wasm: "packBf16",
  wasmPacked: true,
  meaning({ inp, out }, { size }) {
    for (let i = 0; i < size; i++) out[i] = inp[i]!;
  },
});
