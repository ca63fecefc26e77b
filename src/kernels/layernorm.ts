/** LayerNorm (Ba, Kiros, Hinton, arXiv 1607.06450) over the last dimension, with what its backward needs kept. */
import { defineKernel } from "../device/types.ts";
import { groupsOf, threadPerRow } from "./elementwise.ts";
import pairWgsl from "../../shaders/layernorm-pair.wgsl?raw";
import plainWgsl from "../../shaders/layernorm.wgsl?raw";
import rowWgsl from "../../shaders/layernorm-row.wgsl?raw";
import sumVec4 from "../../shaders/lib/element-sum-vec4.wgsl?raw";
import elementVec4 from "../../shaders/lib/element-vec4.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";
import reduce from "../../shaders/lib/reduce.wgsl?raw";

/** Pairs of rows of one workgroup in the pair variant; the shader's WORKGROUP_SIZE. */
const GROUP_PAIRS = 16;

/** out = (inp - mean) rstd weight + bias, rstd = 1 / sqrt(variance + eps); inp, out (N, C), weight, bias (C), mean, rstd (N). */
export const layernorm = defineKernel({
  name: "layernorm",
  bindings: { inp: "read", weight: "read", bias: "read", out: "write", mean: "write", rstd: "write" },
  dims: { N: "u32", C: "u32", eps: "f32" },
  cost: ({ N, C }) => ({ flops: 8 * N * C, bytes: 8 * N * C + 8 * C + 8 * N }),
  variants: [
    ...threadPerRow(plainWgsl),
    {
      name: "thread-per-two-rows",
      wgsl: elementVec4 + sumVec4 + linearId + pairWgsl,
      workgroups: ({ N }) => groupsOf(N / 2, GROUP_PAIRS),
      fits: ({ C }) => C % 16 === 0,
    },
    { name: "workgroup-per-row", wgsl: linearId + reduce + rowWgsl, workgroups: ({ N }) => N },
  ],
  wasm: "layernorm",
  meaning({ inp, weight, bias, out, mean, rstd }, { N, C, eps }) {
    for (let n = 0; n < N; n++) {
      const row = n * C;
      let sum = 0;
      for (let c = 0; c < C; c++) sum += inp[row + c]!;
      const m = sum / C;
      let squares = 0;
      for (let c = 0; c < C; c++) squares += (inp[row + c]! - m) * (inp[row + c]! - m);
      const r = 1 / Math.sqrt(squares / C + eps);
      for (let c = 0; c < C; c++) out[row + c] = (inp[row + c]! - m) * r * weight[c]! + bias[c]!;
      mean[n] = m;
      rstd[n] = r;
    }
  },
});
