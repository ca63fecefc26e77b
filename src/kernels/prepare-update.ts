/**
 * Decides, on the device, whether this optimizer step is taken, and how: gradient norm, clip scale, bias corrections. A norm
 * that is not finite latches: no step is taken from then on, until the host has looked and cleared `counts`.
 */
import { defineKernel } from "../device/types.ts";
import { COUNTS, SCALARS, STEP_F, STEP_U, stepBlockConstants } from "./step-block.ts";
import reduce from "../../shaders/lib/reduce.wgsl?raw";
import prepareUpdateWgsl from "../../shaders/prepare-update.wgsl?raw";

/** log(beta) as this kernel's dims take it: finite also for beta = 0, whose correction is 1 from the first step. */
export const logBetaOf = (beta: number): number => Math.max(Math.log(beta), -1e30);

/**
 * partial (partials) as `sumSquares` left them, of all arenas; stepF, stepU, counts (4) and scalars (4) as in step-block.ts.
 * Clipping is torch.nn.utils.clip_grad_norm_: min(1, grad_clip / (norm + 1e-6)). A sum of squares beyond f32 counts as not
 * finite. When latched, the clip scale is 0. Gradients come times the loss scale: the norm is theirs without it, and the clip scale takes it out.
 */
export const prepareUpdate = defineKernel({
  name: "prepareUpdate",
  bindings: { partial: "read", stepF: "read", stepU: "read:u32", counts: "readwrite:u32", scalars: "write" },
  dims: { partials: "u32", logBeta1: "f32", logBeta2: "f32" },
  cost: ({ partials }) => ({ flops: partials + 64, bytes: 4 * partials + 80 }),
  variants: [
    { name: "one-workgroup", wgsl: reduce + prepareUpdateWgsl, constants: stepBlockConstants, workgroups: () => 1 },
  ],
  meaning({ partial, stepF, stepU, counts, scalars }, { partials, logBeta1, logBeta2 }) {
    let sum = 0;
    for (let i = 0; i < partials; i++) sum += partial[i];
    const norm = Math.sqrt(sum) / stepF[STEP_F.lossScale];
    const clip = stepF[STEP_F.gradClip];
    let clipScale = 0;
    if (counts[COUNTS.latched] !== 0 || !Number.isFinite(Math.fround(sum))) {
      if (counts[COUNTS.latched] === 0) {
        counts[COUNTS.latched] = 1;
        counts[COUNTS.latchedStep] = stepU[STEP_U.step];
        counts[COUNTS.goodSteps] = 0;
      }
    } else {
      counts[COUNTS.t]++;
      counts[COUNTS.goodSteps]++;
      clipScale = (clip > 0 ? Math.min(1, clip / (norm + 1e-6)) : 1) / stepF[STEP_F.lossScale];
    }
    const t = counts[COUNTS.t];
    scalars[SCALARS.gradNorm] = norm;
    scalars[SCALARS.clipScale] = clipScale;
    scalars[SCALARS.correction1] = -Math.expm1(t * logBeta1);
    scalars[SCALARS.correction2] = -Math.expm1(t * logBeta2);
  },
});
