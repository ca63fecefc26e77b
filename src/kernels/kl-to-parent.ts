/** What holds a model's predictions near its parent's: the gradient of KL(parent || model). */
import { defineKernel } from "../device/types.ts";
import { groupsOf } from "./elementwise.ts";
import { STEP_F, stepBlockConstants } from "./step-block.ts";
import { rowMax } from "./token-logprobs.ts";
import klToParentRowWgsl from "../../shaders/kl-to-parent-row.wgsl?raw";
import klToParentWgsl from "../../shaders/kl-to-parent.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";
import reduce from "../../shaders/lib/reduce.wgsl?raw";

/** Rows of one workgroup where each has a thread; the shader's WORKGROUP_SIZE. */
const GROUP_ROWS = 16;

/**
 * parent := the gradient of the logits under weight KL(q || p) at every row that counts, mask[n] invTargets lossScale weight (p - q), with
 * q = softmax(parent[n]) and p = softmax(logits[n]). A masked row is exact zeros whatever it held. logits, parent (N, V), mask (N), stepF as in
 * step-block.ts. The divergence itself is nobody's business here: what is reported of a step is its cross-entropy.
 */
export const klToParent = defineKernel({
  name: "klToParent",
  bindings: { logits: "read", parent: "readwrite", mask: "read", stepF: "read" },
  dims: { N: "u32", V: "u32", weight: "f32" },
  cost: ({ N, V }) => ({ flops: 11 * N * V, bytes: 12 * N * V + 4 * N }),
  variants: [
    { name: "thread-per-row", wgsl: linearId + klToParentRowWgsl, constants: stepBlockConstants, workgroups: ({ N }) => groupsOf(N, GROUP_ROWS) },
    { name: "workgroup-per-row", wgsl: linearId + reduce + klToParentWgsl, constants: stepBlockConstants, workgroups: ({ N }) => N },
  ],
  meaning({ logits, parent, mask, stepF }, { N, V, weight }) {
    const share = stepF[STEP_F.invTargets]! * stepF[STEP_F.lossScale]! * weight;
    for (let n = 0; n < N; n++) {
      const row = n * V;
      if (!(mask[n]! > 0)) {
        parent.fill(0, row, row + V);
        continue;
      }
      const [max, maxParent] = [rowMax(logits, row, V), rowMax(parent, row, V)];
      let [sum, sumParent] = [0, 0];
      for (let i = row; i < row + V; i++) {
        sum += Math.exp(logits[i]! - max);
        sumParent += Math.exp(parent[i]! - maxParent);
      }
      for (let i = row; i < row + V; i++) parent[i] = mask[n]! * share * (Math.exp(logits[i]! - max) / sum - Math.exp(parent[i]! - maxParent) / sumParent);
    }
  },
});
