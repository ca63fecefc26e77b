/** Rounding an arena of weights to halves: the shadow that products read in mixed storage. Runs before every step. */
import { defineKernel } from "../device/types.ts";
import { groupsOf } from "./elementwise.ts";
import { bothHalves, HALF_LIB } from "./stored-half.ts";
import packWgsl from "../../shaders/pack-half.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";

/** out = inp, rounded to nearest even and stored as bf16 or f16; both (size), size a multiple of 4 (arenas are padded to 64). */
export const packHalf = bothHalves((type, inName) => defineKernel({
  name: `pack${inName}`,
  bindings: { inp: "read", out: `write:${type}` },
  dims: { size: "u32" },
  cost: ({ size }) => ({ flops: 0, bytes: 6 * size }),
  variants: [{ name: "vec4", wgsl: HALF_LIB[type] + linearId + packWgsl, workgroups: ({ size }) => groupsOf(size / 4), fits: ({ size }) => size % 4 === 0 }],
  wasm: `pack${inName}`,
  wasmPacked: true,
  meaning({ inp, out }, { size }) {
    for (let i = 0; i < size; i++) out[i] = inp[i]!;
  },
}));
