/** The learning rate of each step, as a pure function: nothing here knows a trainer. nanoGPT's formula, steps counted from 0. */
import type { OptimizerConfig } from "../protocol/index.ts";

/**
 * Warm-up: learning_rate (step + 1) / (warmup_iters + 1), so that not even the first step is idle. From there to `maxIters`:
 * cosine min_lr + (learning_rate - min_lr) (1 + cos(pi r)) / 2, linear the same with 1 - r, r the share of the way;
 * min_lr beyond. Constant stays at learning_rate for ever.
 */
export function learningRate(optimizer: OptimizerConfig, step: number, maxIters: number): number {
  const { learning_rate, schedule, warmup_iters, min_lr } = optimizer;
  if (step < warmup_iters) return (learning_rate * (step + 1)) / (warmup_iters + 1);
  if (schedule === "constant") return learning_rate;
  if (step >= maxIters) return min_lr;
  const ratio = (step - warmup_iters) / (maxIters - warmup_iters);
  const share = schedule === "linear" ? 1 - ratio : 0.5 * (1 + Math.cos(Math.PI * ratio));
  return min_lr + share * (learning_rate - min_lr);
}
