/** The sum of each column: the gradient of a bias. */
import { defineKernel } from "../device/types.ts";
import elementF32 from "../../shaders/lib/element-f32.wgsl?raw";
import elementVec4 from "../../shaders/lib/element-vec4.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";
import columnSumWgsl from "../../shaders/column-sum.wgsl?raw";
import columnSumPlainWgsl from "../../shaders/column-sum-plain.wgsl?raw";

const GROUP_COLUMNS = 8; // Elements a workgroup, in both shaders

/** out (C) = sum over N of inp (N, C), plus out where `accumulate` is not 0. Without it `out` is not read. */
export const columnSum = defineKernel({
  name: "columnSum",
  bindings: { inp: "read", out: "readwrite" },
  dims: { N: "u32", C: "u32", accumulate: "u32" },
  cost: ({ N, C, accumulate }) => ({ flops: N * C + (accumulate ? C : 0), bytes: 4 * (N * C + (accumulate ? 2 : 1) * C) }),
  variants: [
    { name: "plain", wgsl: elementF32 + linearId + columnSumPlainWgsl, workgroups: ({ C }) => Math.ceil(C / GROUP_COLUMNS) },
    {
      name: "plain-vec4",
      wgsl: elementVec4 + linearId + columnSumPlainWgsl,
      workgroups: ({ C }) => Math.ceil(C / (4 * GROUP_COLUMNS)),
      fits: ({ C }) => C % 4 === 0,
    },
    {
      name: "slices-vec4",
      wgsl: elementVec4 + linearId + columnSumWgsl,
      workgroups: ({ C }) => Math.ceil(C / (4 * GROUP_COLUMNS)),
      fits: ({ C }) => C % 4 === 0,
    },
    { name: "slices", wgsl: elementF32 + linearId + columnSumWgsl, workgroups: ({ C }) => Math.ceil(C / GROUP_COLUMNS) },
  ],
  wasm: "columnSum",
  meaning({ inp, out }, { N, C, accumulate }) {
    for (let c = 0; c < C; c++) {
      let sum = 0;
      for (let n = 0; n < N; n++) sum += inp[n * C + c]!;
      out[c] = sum + (accumulate ? out[c]! : 0);
    }
  },
});
