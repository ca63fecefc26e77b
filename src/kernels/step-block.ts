/**
 * Where each number of a step lies in the small buffers that kernels share: the step block, written by the host each
 * micro-step, and the optimizer's own state, written by the device. Only indices; who writes what is the trainer's business.
 */

/** `stepF` (f32): what the host decides for this step. */
export const STEP_F = { lr: 0, gradClip: 1, invTargets: 2, lossScale: 3 } as const;
/** gradClip 0 = no clipping; invTargets = 1 / targets of the whole optimizer step. */
export const STEP_F_LENGTH = 4;

/** `stepU` (u32): the dropout key of this micro-step, the row of the metric ring, the step's number. */
export const STEP_U = { key0: 0, key1: 1, metricRow: 2, step: 3 } as const;
export const STEP_U_LENGTH = 4;

/** `counts` (u32): what depends on whether a step was taken. Lives on the device and in the checkpoint. */
export const COUNTS = { t: 0, latched: 1, latchedStep: 2, goodSteps: 3 } as const;
export const COUNTS_LENGTH = 4;

/** `scalars` (f32): what `prepareUpdate` tells the optimizer. corrections are 1 - beta^t. */
export const SCALARS = { gradNorm: 0, clipScale: 1, correction1: 2, correction2: 3 } as const;
export const SCALARS_LENGTH = 4;

/** One row of the metric ring (f32). */
export const METRIC = { loss: 0, gradNorm: 1, clipScale: 2, lr: 3, latched: 4, t: 5, targets: 6, step: 7 } as const;
export const METRIC_COLUMNS = 8;

/** The same indices as the shaders see them: a `const` header, so that no number stands in two places. */
export const stepBlockConstants = (): Readonly<Record<string, number>> => ({
  STEP_LR: STEP_F.lr,
  STEP_GRAD_CLIP: STEP_F.gradClip,
  STEP_INV_TARGETS: STEP_F.invTargets,
  STEP_LOSS_SCALE: STEP_F.lossScale,
  STEP_METRIC_ROW: STEP_U.metricRow,
  STEP_NUMBER: STEP_U.step,
  COUNT_T: COUNTS.t,
  COUNT_LATCHED: COUNTS.latched,
  COUNT_LATCHED_STEP: COUNTS.latchedStep,
  COUNT_GOOD_STEPS: COUNTS.goodSteps,
  SCALAR_GRAD_NORM: SCALARS.gradNorm,
  SCALAR_CLIP_SCALE: SCALARS.clipScale,
  SCALAR_CORRECTION1: SCALARS.correction1,
  SCALAR_CORRECTION2: SCALARS.correction2,
  METRIC_COLUMNS,
  METRIC_LOSS: METRIC.loss,
  METRIC_GRAD_NORM: METRIC.gradNorm,
  METRIC_CLIP_SCALE: METRIC.clipScale,
  METRIC_LR: METRIC.lr,
  METRIC_LATCHED: METRIC.latched,
  METRIC_T: METRIC.t,
  METRIC_TARGETS: METRIC.targets,
  METRIC_STEP: METRIC.step,
});
