/**
 * Masked cross-entropy, forward and backward in one pass over the logits: the fused form of `tokenLogprobs` with
 * dlogprob = -mask / (targets in the whole optimizer step).
 */
import { defineKernel } from "../device/types.ts";
import { groupsOf } from "./elementwise.ts";
import { STEP_F, stepBlockConstants } from "./step-block.ts";
import { rowMax } from "./token-logprobs.ts";
import crossEntropyRowWgsl from "../../shaders/cross-entropy-row.wgsl?raw";
import crossEntropyWgsl from "../../shaders/cross-entropy.wgsl?raw";
import elementF32 from "../../shaders/lib/element-f32.wgsl?raw";
import rowF32 from "../../shaders/lib/element-row-f32.wgsl?raw";
import rowVec4 from "../../shaders/lib/element-row-vec4.wgsl?raw";
import sumF32 from "../../shaders/lib/element-sum-f32.wgsl?raw";
import sumVec4 from "../../shaders/lib/element-sum-vec4.wgsl?raw";
import elementVec4 from "../../shaders/lib/element-vec4.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";
import reduceSubgroup from "../../shaders/lib/reduce-subgroup.wgsl?raw";
import reduce from "../../shaders/lib/reduce.wgsl?raw";

/** Rows of one workgroup where each has a thread; the shader's WORKGROUP_SIZE. */
const GROUP_ROWS = 16;

/**
 * loss[n] = -log softmax(logits[n])[targets[n]] where mask[n] > 0, else 0; logits := their gradient,
 * mask[n] invTargets lossScale (softmax - onehot). A masked row is exact zeros whatever it held, its target is not read.
 * logits (N, V), targets, mask, loss (N), stepF as in step-block.ts. Targets of rows that count are below V.
 */
export const crossEntropy = defineKernel({
  name: "crossEntropy",
  bindings: { logits: "readwrite", targets: "read:u32", mask: "read", stepF: "read", loss: "write" },
  dims: { N: "u32", V: "u32" },
  cost: ({ N, V }) => ({ flops: 8 * N * V, bytes: 8 * N * V + 12 * N }),
  variants: [
    {
      name: "thread-per-row",
      wgsl: elementF32 + sumF32 + rowF32 + linearId + crossEntropyRowWgsl,
      constants: stepBlockConstants,
      workgroups: ({ N }) => groupsOf(N, GROUP_ROWS),
    },
    {
      name: "thread-per-row-vec4",
      wgsl: elementVec4 + sumVec4 + rowVec4 + linearId + crossEntropyRowWgsl,
      constants: stepBlockConstants,
      workgroups: ({ N }) => groupsOf(N, GROUP_ROWS),
      fits: ({ V }) => V % 4 === 0,
    },
    { name: "workgroup-per-row", wgsl: linearId + reduce + crossEntropyWgsl, constants: stepBlockConstants, workgroups: ({ N }) => N },
    {
      name: "workgroup-per-row-subgroups",
      wgsl: linearId + reduceSubgroup + crossEntropyWgsl,
      constants: stepBlockConstants,
      workgroups: ({ N }) => N,
      requires: ["subgroups"],
    },
  ],
  wasm: "crossEntropy",
  meaning({ logits, targets, mask, stepF, loss }, { N, V }) {
    const share = stepF[STEP_F.invTargets] * stepF[STEP_F.lossScale];
    for (let n = 0; n < N; n++) {
      const row = n * V;
      if (!(mask[n] > 0)) {
        loss[n] = 0;
        logits.fill(0, row, row + V);
        continue;
      }
      const max = rowMax(logits, row, V);
      const target = row + targets[n];
      const targetLogit = logits[target] - max;
      let sum = 0;
      for (let i = row; i < row + V; i++) {
        const e = Math.exp(logits[i] - max);
        logits[i] = e;
        sum += e;
      }
      loss[n] = Math.log(sum) - targetLogit;
      const scale = mask[n] * share;
      const atTarget = scale * (logits[target] / sum - 1);
      const perUnit = scale / sum;
      for (let i = row; i < row + V; i++) logits[i] *= perUnit;
      logits[target] = atTarget;
    }
  },
});
