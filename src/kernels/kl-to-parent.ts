/** How far a model's predictions have moved from its parent's, and the gradient that holds them back: KL(parent || model) at every row that counts. */
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
 * kl[n] = SUM_v q[v] (log q[v] - log p[v]) where mask[n] > 0, else 0, with q = softmax(parent[n]) and p = softmax(logits[n]); parent := the gradient
 * of the logits, mask[n] invTargets lossScale weight (p - q). A masked row is exact zeros whatever it held. logits, parent (N, V), mask, kl (N),
 * stepF as in step-block.ts.
 */
export const klToParent = defineKernel({
  name: "klToParent",
  bindings: { logits: "read", parent: "readwrite", mask: "read", stepF: "read", kl: "write" },
  dims: { N: "u32", V: "u32", weight: "f32" },
  cost: ({ N, V }) => ({ flops: 16 * N * V, bytes: 12 * N * V + 8 * N }),
  variants: [
    { name: "thread-per-row", wgsl: linearId + klToParentRowWgsl, constants: stepBlockConstants, workgroups: ({ N }) => groupsOf(N, GROUP_ROWS) },
    { name: "workgroup-per-row", wgsl: linearId + reduce + klToParentWgsl, constants: stepBlockConstants, workgroups: ({ N }) => N },
  ],
  meaning({ logits, parent, mask, stepF, kl }, { N, V, weight }) {
    const share = stepF[STEP_F.invTargets]! * stepF[STEP_F.lossScale]! * weight;
    for (let n = 0; n < N; n++) {
      const row = n * V;
      kl[n] = 0;
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
      let total = 0;
      for (let i = row; i < row + V; i++) {
        const logP = logits[i]! - max - Math.log(sum);
        const logQ = parent[i]! - maxParent - Math.log(sumParent);
        total += Math.exp(logQ) * (logQ - logP);
        parent[i] = mask[n]! * share * (Math.exp(logP) - Math.exp(logQ));
      }
      kl[n] = total;
    }
  },
});
