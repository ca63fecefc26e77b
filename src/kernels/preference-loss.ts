/**
 * Direct preference optimization over pairs of answers (Rafailov et al., "Direct preference optimization: your language model is secretly a reward
 * model", 2023, eq. 7), with the chosen answer's likelihood beside it (Pang et al., "Iterative reasoning preference optimization", 2024, eq. 1).
 */
import { defineKernel } from "../device/types.ts";
import { groupsOf } from "./elementwise.ts";
import { STEP_F, stepBlockConstants } from "./step-block.ts";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";
import preferenceLossWgsl from "../../shaders/preference-loss.wgsl?raw";

/**
 * Rows 2p and 2p + 1 of T columns are the chosen and the rejected answer of pair p. With c and r the sums of their log-probabilities where
 * mask > 0, and cr, rr the reference's (`expected`): margin = beta ((c - cr) - (r - rr)); loss[p] = -log sigmoid(margin) - alpha c / (targets of the
 * chosen); dlogprob = invTargets lossScale times its gradient, exact zeros where the mask is not set. logprob, mask, dlogprob (2 P T), expected
 * (2 P), loss (P), stepF as in step-block.ts.
 */
export const preferenceLoss = defineKernel({
  name: "preferenceLoss",
  bindings: { logprob: "read", mask: "read", expected: "read", stepF: "read", dlogprob: "write", loss: "write" },
  dims: { P: "u32", T: "u32", beta: "f32", alpha: "f32" },
  cost: ({ P, T }) => ({ flops: 8 * P * T + 32 * P, bytes: 4 * (8 * P * T + 3 * P) }),
  variants: [{ name: "thread-per-pair", wgsl: linearId + preferenceLossWgsl, constants: stepBlockConstants, workgroups: ({ P }) => groupsOf(P) }],
  meaning({ logprob, mask, expected, stepF, dlogprob, loss }, { P, T, beta, alpha }) {
    const scale = stepF[STEP_F.invTargets]! * stepF[STEP_F.lossScale]!;
    for (let p = 0; p < P; p++) {
      const [sums, counts] = [[0, 0], [0, 0]];
      for (const side of [0, 1]) {
        for (let n = (2 * p + side) * T; n < (2 * p + side + 1) * T; n++) {
          if (!(mask[n]! > 0)) continue;
          sums[side]! += logprob[n]!;
          counts[side]!++;
        }
      }
      const margin = beta * (sums[0]! - expected[2 * p]! - (sums[1]! - expected[2 * p + 1]!));
      const targets = Math.max(counts[0]!, 1);
      loss[p] = Math.max(-margin, 0) + Math.log1p(Math.exp(-Math.abs(margin))) - (alpha * sums[0]!) / targets;
      const push = beta / (1 + Math.exp(margin));
      const gains = [-scale * (push + alpha / targets), scale * push];
      for (const side of [0, 1]) for (let n = (2 * p + side) * T; n < (2 * p + side + 1) * T; n++) dlogprob[n] = mask[n]! > 0 ? gains[side]! : 0;
    }
  },
});
