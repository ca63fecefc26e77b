/** AdamW (Loshchilov, Hutter, arXiv 1711.05101) over one arena, as torch.optim.AdamW computes it. */
import { defineKernel } from "../device/types.ts";
import { COUNTS, SCALARS, STEP_F, stepBlockConstants } from "./step-block.ts";
import adamwWgsl from "../../shaders/adamw.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";

const ELEMENTS_PER_GROUP = 4 * 64;

/**
 * With g = grad clipScale: param -= lr weightDecay param; m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2;
 * param -= lr (m / correction1) / (sqrt(v / correction2) + eps). Writes nothing when latched. param, grad, m, v (size), with
 * size a multiple of 4 (arenas are padded to 64). 1 - beta comes as its own dim, since in f32 it would lose digits.
 */
export const adamw = defineKernel({
  name: "adamw",
  bindings: { param: "readwrite", grad: "read", m: "readwrite", v: "readwrite", stepF: "read", counts: "read:u32", scalars: "read" },
  dims: { size: "u32", beta1: "f32", oneMinusBeta1: "f32", beta2: "f32", oneMinusBeta2: "f32", eps: "f32", weightDecay: "f32" },
  cost: ({ size }) => ({ flops: 16 * size, bytes: 28 * size }),
  variants: [
    {
      name: "vec4-per-thread",
      wgsl: linearId + adamwWgsl,
      constants: stepBlockConstants,
      workgroups: ({ size }) => Math.ceil(size / ELEMENTS_PER_GROUP),
      fits: ({ size }) => size % 4 === 0,
    },
  ],
  wasm: "adamw",
  meaning({ param, grad, m, v, stepF, counts, scalars }, { size, beta1, oneMinusBeta1, beta2, oneMinusBeta2, eps, weightDecay }) {
    if (counts[COUNTS.latched] !== 0) return;
    const lr = stepF[STEP_F.lr];
    const clipScale = scalars[SCALARS.clipScale];
    const stepSize = lr / scalars[SCALARS.correction1];
    const perRoot = 1 / Math.sqrt(scalars[SCALARS.correction2]);
    const keep = 1 - lr * weightDecay;
    for (let i = 0; i < size; i++) {
      const g = grad[i] * clipScale;
      const mi = beta1 * m[i] + oneMinusBeta1 * g;
      const vi = beta2 * v[i] + oneMinusBeta2 * g * g;
      m[i] = mi;
      v[i] = vi;
      param[i] = param[i] * keep - (stepSize * mi) / (Math.sqrt(vi) * perRoot + eps);
    }
  },
});
