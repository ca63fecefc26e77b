/** The next token, everywhere the mask counts: pre-training, reading on, and answers alike. */
import { crossEntropyLoss } from "../../plan/head.ts";
import type { Recorder } from "../../plan/recorder.ts";
import { addMaskedSum } from "../../plan/update.ts";
import type { ObjectiveInputs } from "./inputs.ts";

/** What is reported is the cross-entropy alone, so that it compares with a stage that holds nothing back. */
export function recordNextToken(r: Recorder, { klWeight }: { readonly klWeight: number }, { x, W, targets, mask, stepF, lossSum, parent, maxLogitsBytes }: ObjectiveInputs): void {
  const held = klWeight > 0 && parent ? { ...parent(), weight: klWeight } : undefined;
  const loss = r.scope("head", () => crossEntropyLoss(r, x, W, { targets, mask }, stepF, maxLogitsBytes, held));
  addMaskedSum(r, loss, mask, lossSum);
}
