/**
 * The log-probability of each row's target under softmax, and the row's log-sum-exp for the backward. Rows of logits only:
 * the head's matmul and the tiling over rows are the op's business, not the kernel's.
 */
import { defineKernel } from "../device/types.ts";
import { groupsOf } from "./elementwise.ts";
import elementF32 from "../../shaders/lib/element-f32.wgsl?raw";
import rowF32 from "../../shaders/lib/element-row-f32.wgsl?raw";
import rowVec4 from "../../shaders/lib/element-row-vec4.wgsl?raw";
import sumF32 from "../../shaders/lib/element-sum-f32.wgsl?raw";
import sumVec4 from "../../shaders/lib/element-sum-vec4.wgsl?raw";
import elementVec4 from "../../shaders/lib/element-vec4.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";
import reduce from "../../shaders/lib/reduce.wgsl?raw";
import reduceSubgroup from "../../shaders/lib/reduce-subgroup.wgsl?raw";
import tokenLogprobsRowWgsl from "../../shaders/token-logprobs-row.wgsl?raw";
import tokenLogprobsWgsl from "../../shaders/token-logprobs.wgsl?raw";

/** Rows of one workgroup where each has a thread; the shader's WORKGROUP_SIZE. */
const GROUP_ROWS = 16;

/**
 * logprob[n] = logits[n, targets[n]] - lse[n], lse[n] = log SUM_v exp(logits[n, v]); logits (N, V), the others (N).
 * Targets are below V.
 */
export const tokenLogprobs = defineKernel({
  name: "tokenLogprobs",
  bindings: { logits: "read", targets: "read:u32", logprob: "write", lse: "write" },
  dims: { N: "u32", V: "u32" },
  cost: ({ N, V }) => ({ flops: 5 * N * V, bytes: 4 * N * V + 12 * N }),
  variants: [
    {
      name: "thread-per-row",
      wgsl: elementF32 + sumF32 + rowF32 + linearId + tokenLogprobsRowWgsl,
      workgroups: ({ N }) => groupsOf(N, GROUP_ROWS),
    },
    {
      name: "thread-per-row-vec4",
      wgsl: elementVec4 + sumVec4 + rowVec4 + linearId + tokenLogprobsRowWgsl,
      workgroups: ({ N }) => groupsOf(N, GROUP_ROWS),
      fits: ({ V }) => V % 4 === 0,
    },
    { name: "workgroup-per-row", wgsl: linearId + reduce + tokenLogprobsWgsl, workgroups: ({ N }) => N },
    { name: "workgroup-per-row-subgroups", wgsl: linearId + reduceSubgroup + tokenLogprobsWgsl, workgroups: ({ N }) => N, requires: ["subgroups"] },
  ],
  meaning({ logits, targets, logprob, lse }, { N, V }) {
    for (let n = 0; n < N; n++) {
      const row = n * V;
      const max = rowMax(logits, row, V);
      let sum = 0;
      for (let i = row; i < row + V; i++) sum += Math.exp(logits[i] - max);
      const logSum = Math.log(sum);
      lse[n] = max + logSum;
      // Not logit - lse: at logits of 1e4 that would lose four digits in f32.
      logprob[n] = logits[row + targets[n]] - max - logSum;
    }
  },
});

/** Largest of `length` values from `start`. */
export function rowMax(values: ArrayLike<number>, start: number, length: number): number {
  let max = values[start];
  for (let i = start + 1; i < start + length; i++) if (values[i] > max) max = values[i];
  return max;
}
