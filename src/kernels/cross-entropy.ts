/**
 * Masked cross-entropy, forward and backward in one pass over the logits: the fused form of `tokenLogprobs` with
 * dlogprob = -mask / (targets in the whole optimizer step).
 */
import { defineKernel } from "../device/types.ts";
import { STEP_F, stepBlockConstants } from "./step-block.ts";
import { rowMax } from "./token-logprobs.ts";
import crossEntropyWgsl from "../../shaders/cross-entropy.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";
import reduce from "../../shaders/lib/reduce.wgsl?raw";

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
    { name: "workgroup-per-row", wgsl: linearId + reduce + crossEntropyWgsl, constants: stepBlockConstants, workgroups: ({ N }) => N },
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
