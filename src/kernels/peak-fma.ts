/** Multiply-adds and nothing else: what a device computes at most. The bench measures with it; no model uses it. */
import { defineKernel } from "../device/types.ts";
import { groupsOf } from "./elementwise.ts";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";
import peakFmaWgsl from "../../shaders/peak-fma.wgsl?raw";

/** Multiply-adds that wait for nothing: as many as the longest pipelines hold. */
const CHAINS = 8;

/** out = SUM_c y_c, y_c from inp + c by `rounds` times y = 0.75 y + 0.25; inp, out (size), size a multiple of 4. */
export const peakFma = defineKernel({
  name: "peakFma",
  bindings: { inp: "read", out: "write" },
  dims: { size: "u32", rounds: "u32" },
  cost: ({ size, rounds }) => ({ flops: 2 * CHAINS * size * rounds, bytes: 8 * size }),
  variants: [{ name: "vec4", wgsl: linearId + peakFmaWgsl, workgroups: ({ size }) => groupsOf(size / 4), fits: ({ size }) => size % 4 === 0 }],
  wasm: "peakFma",
  meaning({ inp, out }, { size, rounds }) {
    for (let i = 0; i < size; i++) {
      let sum = 0;
      for (let chain = 0; chain < CHAINS; chain++) {
        let y = inp[i] + chain;
        for (let round = 0; round < rounds; round++) y = 0.75 * y + 0.25;
        sum += y;
      }
      out[i] = sum;
    }
  },
});
