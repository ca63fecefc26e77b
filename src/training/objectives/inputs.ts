/** What every objective is recorded from. Types only. */
import type { Tensor } from "../../plan/tensor.ts";

export interface ObjectiveInputs {
  /** (N, C) final hidden states of the batch, N = B T. */
  readonly x: Tensor;
  /** The head's weight (V, C). */
  readonly W: Tensor;
  readonly targets: Tensor;
  readonly mask: Tensor;
  readonly B: number;
  readonly T: number;
  readonly stepF: Tensor;
  /** (2): the step's loss, summed over what it is a mean of, and how many those are. */
  readonly lossSum: Tensor;
  /** The parent's hidden states and head at the same rows; only where it is asked for. */
  readonly parent?: () => { readonly x: Tensor; readonly W: Tensor };
  /** (B) log-probabilities of the rows' targets under the reference. */
  readonly expected?: Tensor;
  readonly maxLogitsBytes: number;
}
