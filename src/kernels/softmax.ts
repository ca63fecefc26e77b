/** Softmax over rows, standalone: the next-word panel and the attention view use it. Training has it fused elsewhere. */
import { defineKernel } from "../device/types.ts";
import { groupsOf } from "./elementwise.ts";
import plainWgsl from "../../shaders/softmax.wgsl?raw";
import rowWgsl from "../../shaders/softmax-row.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";
import reduce from "../../shaders/lib/reduce.wgsl?raw";

/** out[n] = exp(inp[n] - max) / sum; inp, out (N, C). */
export const softmax = defineKernel({
  name: "softmax",
  bindings: { inp: "read", out: "write" },
  dims: { N: "u32", C: "u32" },
  cost: ({ N, C }) => ({ flops: 4 * N * C, bytes: 8 * N * C }),
  variants: [
    { name: "thread-per-row", wgsl: linearId + plainWgsl, workgroups: ({ N }) => groupsOf(N) },
    { name: "workgroup-per-row", wgsl: linearId + reduce + rowWgsl, workgroups: ({ N }) => N },
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
