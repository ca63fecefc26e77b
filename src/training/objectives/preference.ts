/** Preferences between two answers: rows 2p and 2p + 1 of a batch are the chosen and the rejected one of pair p. */
import { pairLoss, tokenLogprobs } from "../../plan/head.ts";
import type { Recorder } from "../../plan/recorder.ts";
import { addMaskedSum } from "../../plan/update.ts";
import { newTable } from "../../plan/tensor.ts";
import type { ObjectiveInputs } from "./inputs.ts";

export interface PreferenceSettings {
  readonly beta: number;
  readonly alpha: number;
}

export function recordPreference(r: Recorder, { beta, alpha }: PreferenceSettings, { x, W, targets, mask, B, T, stepF, lossSum, expected, maxLogitsBytes }: ObjectiveInputs): void {
  const logprob = r.scope("head", () => tokenLogprobs(r, x, W, targets, maxLogitsBytes));
  const loss = pairLoss(r, logprob, { mask, expected: expected!, stepF }, { P: B / 2, T, beta, alpha });
  addMaskedSum(r, loss, newTable("every pair", [B / 2], () => new Float32Array(B / 2).fill(1)), lossSum);
}

/**
 * The same loss of one pair on the host, for what is only looked at: from the sums of log-probabilities of both answers and the reference's,
 * and the number of the chosen one's targets. `margin` above 0 = the chosen answer is preferred by more than the reference prefers it.
 */
export function pairOnHost({ beta, alpha }: PreferenceSettings, sums: readonly [number, number], expected: readonly [number, number], targets: number): { loss: number; margin: number } {
  const margin = beta * (sums[0] - expected[0] - (sums[1] - expected[1]));
  return { margin, loss: Math.max(-margin, 0) + Math.log1p(Math.exp(-Math.abs(margin))) - (alpha * sums[0]) / Math.max(1, targets) };
}
