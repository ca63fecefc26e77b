/** The learning rate of each step, as a pure function: nothing here knows a trainer. nanoGPT's formula, steps counted from 0. */
import type { KnobChange, OptimizerConfig, Stage } from "../protocol/index.ts";

/**
 * Warm-up: learning_rate (step + 1) / (warmup_iters + 1), so that not even the first step is idle. From there to `maxIters`:
 * cosine min_lr + (learning_rate - min_lr) (1 + cos(pi r)) / 2, linear the same with 1 - r, r the share of the way;
 * min_lr beyond. Constant stays at learning_rate for ever. wsd stays there until `decay_iters` before the end, and is linear from there.
 */
export function learningRate(optimizer: OptimizerConfig, step: number, maxIters: number): number {
  const { learning_rate, schedule, warmup_iters, min_lr } = optimizer;
  if (step < warmup_iters) return (learning_rate * (step + 1)) / (warmup_iters + 1);
  if (schedule === "constant") return learning_rate;
  if (step >= maxIters) return min_lr;
  const from = schedule === "wsd" ? maxIters - optimizer.decay_iters! : warmup_iters;
  if (step < from) return learning_rate;
  const ratio = (step - from) / (maxIters - from);
  const share = schedule === "linear" || schedule === "wsd" ? 1 - ratio : 0.5 * (1 + Math.cos(Math.PI * ratio));
  return min_lr + share * (learning_rate - min_lr);
}

/** What AdamW's rate is to Muon's, where it moves what Muon leaves: at every step the same. */
export const adamShare = ({ learning_rate, adam_learning_rate = 3e-4 }: OptimizerConfig): number => adam_learning_rate / learning_rate;

export interface Knobs {
  readonly lr: number;
  readonly gradClip: number;
  /** Of the samples on the timeline. */
  readonly temperature: number;
}

/** What samples are drawn with until somebody turns it. */
const SAMPLE_TEMPERATURE = 0.8;

/** The last value given to a knob at or before a step. */
function turned<K extends "learning_rate" | "grad_clip" | "temperature">(changes: readonly KnobChange[] | undefined, knob: K, step: number): number | undefined {
  return changes?.findLast((change) => change.step <= step && change[knob] !== undefined)?.[knob];
}

/** What a step (counted from 0) is taken with: the recipe's numbers, as changed by the knobs turned up to then. */
export function knobsAt(stage: Stage, step: number): Knobs {
  const { optimizer, changes, max_iters } = stage;
  const peak = turned(changes, "learning_rate", step);
  const scale = peak === undefined ? 1 : peak / optimizer.learning_rate;
  return {
    lr: learningRate(optimizer, step, max_iters) * scale,
    gradClip: turned(changes, "grad_clip", step) ?? optimizer.grad_clip,
    temperature: turned(changes, "temperature", step) ?? SAMPLE_TEMPERATURE,
  };
}

/** A stage's changes with one more; what was changed at the same step is replaced, knob by knob, and later changes go. */
export function withChange(stage: Stage, change: KnobChange): Stage {
  const before = (stage.changes ?? []).filter(({ step }) => step < change.step);
  const same = (stage.changes ?? []).find(({ step }) => step === change.step);
  return { ...stage, changes: [...before, { ...same, ...change }] };
}
