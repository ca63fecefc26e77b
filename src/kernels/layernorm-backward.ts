/** The gradient of LayerNorm to its input. Those to weight and bias are `layernorm-backward-params.ts`. */
import { defineKernel } from "../device/types.ts";
import { threadPerRow } from "./elementwise.ts";
import plainWgsl from "../../shaders/layernorm-backward.wgsl?raw";
import rowWgsl from "../../shaders/layernorm-backward-row.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";
import reduceSubgroup from "../../shaders/lib/reduce-subgroup.wgsl?raw";
import reduce from "../../shaders/lib/reduce.wgsl?raw";

/**
 * With z the normalised row and g = weight dout: dinp = rstd (g - average(g) - z average(g z)), added to what is there where
 * `accumulate` is not 0. inp, dout, dinp (N, C), weight (C), mean, rstd (N).
 */
export const layernormBackward = defineKernel({
  name: "layernormBackward",
  bindings: { inp: "read", weight: "read", mean: "read", rstd: "read", dout: "read", dinp: "readwrite" },
  dims: { N: "u32", C: "u32", accumulate: "u32" },
  cost: ({ N, C, accumulate }) => ({ flops: 14 * N * C, bytes: (12 + (accumulate ? 4 : 0)) * N * C + 4 * C + 8 * N }),
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
  wasm: "layernormBackward",
  meaning({ inp, weight, mean, rstd, dout, dinp }, { N, C, accumulate }) {
    for (let n = 0; n < N; n++) {
      const row = n * C;
      const m = mean[n]!;
      const r = rstd[n]!;
      let sum = 0;
      let sumZ = 0;
      for (let c = 0; c < C; c++) {
        const g = weight[c]! * dout[row + c]!;
        sum += g;
        sumZ += g * (inp[row + c]! - m) * r;
      }
      for (let c = 0; c < C; c++) {
        const z = (inp[row + c]! - m) * r;
        const d = r * (weight[c]! * dout[row + c]! - sum / C - (z * sumZ) / C);
        dinp[row + c] = accumulate ? dinp[row + c]! + d : d;
      }
    }
  },
});
