/** Partial sums of squares of an arena: the first half of the global gradient norm, whose second is `prepare-update.ts`. */
import { defineKernel } from "../device/types.ts";
import { groupsOf } from "./elementwise.ts";
import elementF32 from "../../shaders/lib/element-f32.wgsl?raw";
import sumF32 from "../../shaders/lib/element-sum-f32.wgsl?raw";
import sumVec4 from "../../shaders/lib/element-sum-vec4.wgsl?raw";
import elementVec4 from "../../shaders/lib/element-vec4.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";
import reduceSubgroup from "../../shaders/lib/reduce-subgroup.wgsl?raw";
import reduce from "../../shaders/lib/reduce.wgsl?raw";
import sumSquaresThreadWgsl from "../../shaders/sum-squares-thread.wgsl?raw";
import sumSquaresWgsl from "../../shaders/sum-squares.wgsl?raw";

/** Chunks of one workgroup where each has a thread; the shader's WORKGROUP_SIZE. */
const GROUP_CHUNKS = 16;

/** partial[i] = SUM inp^2 over the i-th contiguous chunk of ceil(size / partials); inp (size), partial (partials). */
export const sumSquares = defineKernel({
  name: "sumSquares",
  bindings: { inp: "read", partial: "write" },
  dims: { size: "u32", partials: "u32" },
  cost: ({ size, partials }) => ({ flops: 2 * size, bytes: 4 * (size + partials) }),
  variants: [
    {
      name: "thread-per-chunk",
      wgsl: elementF32 + sumF32 + linearId + sumSquaresThreadWgsl,
      workgroups: ({ partials }) => groupsOf(partials, GROUP_CHUNKS),
    },
    {
      name: "thread-per-chunk-vec4",
      wgsl: elementVec4 + sumVec4 + linearId + sumSquaresThreadWgsl,
      workgroups: ({ partials }) => groupsOf(partials, GROUP_CHUNKS),
      fits: ({ size, partials }) => size % 4 === 0 && Math.ceil(size / partials) % 4 === 0,
    },
    { name: "workgroup-per-chunk", wgsl: linearId + reduce + sumSquaresWgsl, workgroups: ({ partials }) => partials },
    {
      name: "workgroup-per-chunk-subgroups",
      wgsl: linearId + reduceSubgroup + sumSquaresWgsl,
      workgroups: ({ partials }) => partials,
      requires: ["subgroups"],
    },
  ],
  wasm: "sumSquares",
  meaning({ inp, partial }, { size, partials }) {
    const chunk = Math.ceil(size / partials);
    for (let p = 0; p < partials; p++) {
      const end = Math.min(size, (p + 1) * chunk);
      let sum = 0;
      for (let i = p * chunk; i < end; i++) sum += inp[i] * inp[i];
      partial[p] = sum;
    }
  },
});
