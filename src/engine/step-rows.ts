/** What steps measured, as rows of the log and the charts. Pure. */
import type { MetricRow } from "../protocol/messages.ts";
import type { StepMetrics } from "../training/trainer.ts";

/** Said for each, in the same words, so that the page counts them. */
export const STEP_SKIPPED = {
  type: "notice", level: "info", code: "STEP_SKIPPED", text: "A step was left out: gradients times the loss scale were beyond float16. The scale was halved, no weight has changed, and training goes on.",
} as const;

export interface StepRowsContext {
  readonly stageIndex: number;
  /** Steps and tokens of all stages before. */
  readonly stepsBefore: number;
  readonly tokensBefore: number;
  readonly tokensPerStep: number;
  /** Training time up to the last of these steps, milliseconds. */
  readonly trainMs: number;
  /** Tokens a second over these steps; null where too little was measured. */
  readonly rate: number | null;
  /** Matmul and attention flops of a token. */
  readonly flops: number;
}

export function stepRows(metrics: readonly StepMetrics[], { stageIndex, stepsBefore, tokensBefore, tokensPerStep, trainMs, rate, flops }: StepRowsContext): MetricRow[] {
  return metrics.map((row, i) => ({
    stageIndex, step: row.step, globalStep: stepsBefore + row.step,
    tokens: tokensBefore + row.step * tokensPerStep,
    trainMs: trainMs - (rate ? ((metrics.length - 1 - i) * tokensPerStep * 1000) / rate : 0),
    "train/loss": row.loss, lr: row.lr, grad_norm: row.gradNorm,
    ...(row.lossScale && { loss_scale: row.lossScale, skipped: row.skipped ? 1 : 0 }),
    ...(rate ? { tokens_per_sec: rate, gflops_per_sec: (rate * flops) / 1e9 } : {}),
  }));
}
