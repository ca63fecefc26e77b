/** RMSNorm (Zhang, Sennrich, arXiv 1910.07467) over the last dimension, with what its backward needs kept: the norm of Llama. */
import { defineKernel } from "../device/types.ts";
import { threadPerRow } from "./elementwise.ts";
import { storedHalf } from "./stored-half.ts";
import plainWgsl from "../../shaders/rmsnorm.wgsl?raw";
import rowWgsl from "../../shaders/rmsnorm-row.wgsl?raw";
import elementF32 from "../../shaders/lib/element-f32.wgsl?raw";
import elementVec4 from "../../shaders/lib/element-vec4.wgsl?raw";
import outHalf from "../../shaders/lib/out-half-vec4.wgsl?raw";
import outF32 from "../../shaders/lib/out-f32.wgsl?raw";
import sumF32 from "../../shaders/lib/element-sum-f32.wgsl?raw";
import sumVec4 from "../../shaders/lib/element-sum-vec4.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";
import reduceSubgroup from "../../shaders/lib/reduce-subgroup.wgsl?raw";
import reduce from "../../shaders/lib/reduce.wgsl?raw";

/** out = inp rstd weight, rstd = 1 / sqrt(average of inp^2 + eps); inp, out (N, C), weight (C), rstd (N). */
export const rmsnorm = defineKernel({
  name: "rmsnorm",
  bindings: { inp: "read", weight: "read", out: "write", rstd: "write" },
  dims: { N: "u32", C: "u32", eps: "f32" },
  cost: ({ N, C }) => ({ flops: 4 * N * C, bytes: 8 * N * C + 4 * C + 4 * N }),
  variants: [
    ...threadPerRow(plainWgsl, outF32),
    { name: "workgroup-per-row", wgsl: elementF32 + sumF32 + outF32 + linearId + reduce + rowWgsl, workgroups: ({ N }) => N },
    {
      name: "workgroup-per-row-subgroups",
      wgsl: elementF32 + sumF32 + outF32 + linearId + reduceSubgroup + rowWgsl,
      workgroups: ({ N }) => N,
      requires: ["subgroups"],
    },
  ],
  wasm: "rmsnorm",
  meaning({ inp, weight, out, rstd }, { N, C, eps }) {
    for (let n = 0; n < N; n++) {
      const row = n * C;
      let squares = 0;
      for (let c = 0; c < C; c++) squares += inp[row + c]! * inp[row + c]!;
      const r = 1 / Math.sqrt(squares / C + eps);
      for (let c = 0; c < C; c++) out[row + c] = inp[row + c]! * r * weight[c]!;
      rstd[n] = r;
    }
  },
});

/** The same, `out` stored as packed halves; C a multiple of four. rstd is of the f32 input. */
export const rmsnormHalf = storedHalf(rmsnorm, {
  packed: { out: ({ N, C }) => N * C },
  variants: (lib) => [
    threadPerRow(plainWgsl, lib + outHalf)[1]!,
    { name: "workgroup-per-row", wgsl: elementVec4 + sumVec4 + lib + outHalf + linearId + reduce + rowWgsl, workgroups: ({ N }) => N, fits: ({ C }) => C % 4 === 0 },
    { name: "workgroup-per-row-subgroups", wgsl: elementVec4 + sumVec4 + lib + outHalf + linearId + reduceSubgroup + rowWgsl, workgroups: ({ N }) => N, fits: ({ C }) => C % 4 === 0, requires: ["subgroups"] },
  ],
});
