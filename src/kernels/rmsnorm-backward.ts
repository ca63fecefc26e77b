/** The gradient of RMSNorm to its input. That to the weight is `rmsnorm-backward-weight.ts`. */
import { defineKernel } from "../device/types.ts";
import { threadPerRow } from "./elementwise.ts";
import plainWgsl from "../../shaders/rmsnorm-backward.wgsl?raw";
import rowWgsl from "../../shaders/rmsnorm-backward-row.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";
import reduceSubgroup from "../../shaders/lib/reduce-subgroup.wgsl?raw";
import reduce from "../../shaders/lib/reduce.wgsl?raw";

/**
 * With z = inp rstd and g = weight dout: dinp = rstd (g - z average(g z)), added to what is there where `accumulate` is not 0.
 * inp, dout, dinp (N, C), weight (C), rstd (N).
 */
export const rmsnormBackward = defineKernel({
  name: "rmsnormBackward",
  bindings: { inp: "read", weight: "read", rstd: "read", dout: "read", dinp: "readwrite" },
  dims: { N: "u32", C: "u32", accumulate: "u32" },
  cost: ({ N, C, accumulate }) => ({ flops: 9 * N * C, bytes: (12 + (accumulate ? 4 : 0)) * N * C + 4 * C + 4 * N }),
  variants: [
    ...threadPerRow(plainWgsl),
    { name: "workgroup-per-row", wgsl: linearId + reduce + rowWgsl, workgroups: ({ N }) => N },
    {
      name: "workgroup-per-row-subgroups",
      wgsl: linearId + reduceSubgroup + rowWgsl,
      workgroups: ({ N }) => N,
      requires: ["subgroups"],
    },
  ],
  wasm: "rmsnormBackward",
  meaning({ inp, weight, rstd, dout, dinp }, { N, C, accumulate }) {
    for (let n = 0; n < N; n++) {
      const row = n * C;
      const r = rstd[n]!;
      let sum = 0;
      for (let c = 0; c < C; c++) sum += weight[c]! * dout[row + c]! * inp[row + c]! * r;
      for (let c = 0; c < C; c++) {
        const d = r * (weight[c]! * dout[row + c]! - (inp[row + c]! * r * sum) / C);
        dinp[row + c] = accumulate ? dinp[row + c]! + d : d;
      }
    }
  },
});
