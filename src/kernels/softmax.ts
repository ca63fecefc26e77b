/** Softmax over rows, standalone: the next-word panel and the attention view use it. Training has it fused elsewhere. */
import { defineKernel } from "../device/types.ts";
import { groupsOf } from "./elementwise.ts";
import plainWgsl from "../../shaders/softmax.wgsl?raw";
import rowWgsl from "../../shaders/softmax-row.wgsl?raw";
import elementF32 from "../../shaders/lib/element-f32.wgsl?raw";
import rowF32 from "../../shaders/lib/element-row-f32.wgsl?raw";
import rowVec4 from "../../shaders/lib/element-row-vec4.wgsl?raw";
import sumF32 from "../../shaders/lib/element-sum-f32.wgsl?raw";
import sumVec4 from "../../shaders/lib/element-sum-vec4.wgsl?raw";
import elementVec4 from "../../shaders/lib/element-vec4.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";
import reduce from "../../shaders/lib/reduce.wgsl?raw";
import reduceSubgroup from "../../shaders/lib/reduce-subgroup.wgsl?raw";

/** out[n] = exp(inp[n] - max) / sum; inp, out (N, C). */
export const softmax = defineKernel({
  name: "softmax",
  bindings: { inp: "read", out: "write" },
  dims: { N: "u32", C: "u32" },
  cost: ({ N, C }) => ({ flops: 4 * N * C, bytes: 8 * N * C }),
  variants: [
    { name: "thread-per-row", wgsl: elementF32 + sumF32 + rowF32 + linearId + plainWgsl, workgroups: ({ N }) => groupsOf(N) },
    {
      name: "thread-per-row-vec4",
      wgsl: elementVec4 + sumVec4 + rowVec4 + linearId + plainWgsl,
      workgroups: ({ N }) => groupsOf(N),
      fits: ({ C }) => C % 4 === 0,
    },
    { name: "workgroup-per-row", wgsl: linearId + reduce + rowWgsl, workgroups: ({ N }) => N },
    { name: "workgroup-per-row-subgroups", wgsl: linearId + reduceSubgroup + rowWgsl, workgroups: ({ N }) => N, requires: ["subgroups"] },
  ],
  wasm: "softmax",
  meaning({ inp, out }, { N, C }) {
    for (let row = 0; row < N * C; row += C) {
      let max = inp[row]!;
      for (let c = 1; c < C; c++) max = Math.max(max, inp[row + c]!);
      let sum = 0;
      for (let c = 0; c < C; c++) sum += Math.exp(inp[row + c]! - max);
      for (let c = 0; c < C; c++) out[row + c] = Math.exp(inp[row + c]! - max) / sum;
    }
  },
});
