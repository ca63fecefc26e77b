/**
 * The optimizer step as a program: norm over all buckets, the decision whether to step, the optimizer by bucket (Muon by matrix), one row of metrics. And
 * the small buffers that steps are told through: `src/kernels/step-block.ts`, for those who may not look into kernels.
 */
import { adamw } from "../kernels/adamw.ts";
import { packHalf } from "../kernels/pack-half.ts";
import { lossSum } from "../kernels/loss-sum.ts";
import { logBetaOf, prepareUpdate } from "../kernels/prepare-update.ts";
import { pullBack } from "../kernels/pull-back.ts";
import { recordMetrics } from "../kernels/record-metrics.ts";
import { sgd } from "../kernels/sgd.ts";
import { sumSquares } from "../kernels/sum-squares.ts";
import { isHalf } from "../device/launch.ts";
import type { OptimizerConfig } from "../protocol/recipe.ts";
import { recordMuon } from "./muon.ts";
import type { Bucket, Parameters } from "./parameters.ts";
import { Recorder, type Recording } from "./recorder.ts";
import { elements, type Tensor } from "./tensor.ts";

export { COUNTS, COUNTS_LENGTH, METRIC, METRIC_COLUMNS, SCALARS_LENGTH, STEP_F_LENGTH, STEP_U_LENGTH } from "../kernels/step-block.ts";

/** Partial sums of one bucket's gradient norm; 64 floats are a 256-byte step. */
const PARTIALS = 64;

export interface UpdateTensors {
  /** Step block, f32 and u32. */
  readonly stepF: Tensor;
  readonly stepU: Tensor;
  /** `stepF` as AdamW reads it where Muon moves the hidden matrices: at a rate of its own. */
  readonly stepFRest?: Tensor;
  /** (2) sum of masked losses and of masks; cleared before a step or an evaluation. */
  readonly lossSum: Tensor;
  /** (4) u32 and (4): the optimizer's own state. */
  readonly counts: Tensor;
  readonly scalars: Tensor;
  /** (rows, METRIC_COLUMNS) */
  readonly ring: Tensor;
}

/** Adds sum(values * mask) and sum(mask) to out (2). */
export function addMaskedSum(r: Recorder, values: Tensor, mask: Tensor, out: Tensor): void {
  r.launch(lossSum, { loss: values, mask, out }, { size: elements(mask.shape) });
}

/** The weights' shadows, from the weights as they are: what a step begins with, so that nothing has to be kept in step with what is loaded. */
export function recordShadows(...all: readonly Pick<Parameters, "buckets">[]): Recording {
  const r = new Recorder("shadows", false);
  for (const { param, shadow } of all.flatMap(({ buckets }) => buckets)) {
    if (shadow && isHalf(shadow.type)) r.launch(packHalf[shadow.type], { inp: param, out: shadow }, { size: elements(param.shape) });
  }
  return r.recording();
}

/** Where training began: arenas that lie as those that train do, and how strongly weights are pulled back there. */
export interface Anchor {
  readonly buckets: readonly Bucket[];
  readonly weight: number;
}

export function recordUpdate(parameters: Parameters, tensors: UpdateTensors, optimizer: Omit<OptimizerConfig, "learning_rate" | "schedule" | "warmup_iters" | "min_lr" | "grad_clip">, anchor?: Anchor): Recording {
  const r = new Recorder("update", false);
  const { beta1, beta2, eps, weight_decay, momentum = 0.9, nesterov = false } = optimizer;
  const { stepF, stepU, counts, scalars, ring } = tensors;
  const buckets = parameters.buckets.filter((bucket) => bucket.grad);
  const partial = r.transient("partials", [buckets.length * PARTIALS]);
  if (anchor) buckets.forEach(({ param, grad }, i) => r.launch(pullBack, { param, anchor: anchor.buckets[i]!.param, stepF, grad: grad! }, { size: elements(param.shape), weight: anchor.weight }));
  buckets.forEach((bucket, i) => r.launch(sumSquares,
    { inp: bucket.grad!, partial: { ...partial, shape: [PARTIALS], offsetBytes: i * PARTIALS * 4 } },
    { size: elements(bucket.grad!.shape), partials: PARTIALS }));
  r.launch(prepareUpdate, { partial, stepF, stepU, counts, scalars },
    { partials: buckets.length * PARTIALS, logBeta1: logBetaOf(beta1), logBeta2: logBetaOf(beta2) });
  for (const { param, grad, m, v, decay, rule } of buckets) {
    const size = elements(param.shape);
    const weightDecay = decay ? weight_decay : 0;
    if (rule === "sgd") r.launch(sgd, { param, grad: grad!, m: m!, stepF, counts, scalars }, { size, momentum, nesterov: nesterov ? 1 : 0, weightDecay });
    else if (rule === "adamw") {
      r.launch(adamw, { param, grad: grad!, m: m!, v: v!, stepF: tensors.stepFRest ?? stepF, counts, scalars },
        { size, beta1, oneMinusBeta1: 1 - beta1, beta2, oneMinusBeta2: 1 - beta2, eps, weightDecay });
    }
  }
  if (optimizer.type === "muon") recordMuon(r, parameters, tensors, optimizer);
  r.launch(recordMetrics, { lossSum: tensors.lossSum, scalars, counts, stepF, stepU, ring }, { rows: ring.shape[0]! });
  return r.recording();
}
