/** Stochastic gradient descent with momentum over one arena, as torch.optim.SGD computes it with dampening 0. */
import { defineKernel } from "../device/types.ts";
import { groupsOf } from "./elementwise.ts";
import { COUNTS, SCALARS, STEP_F, stepBlockConstants } from "./step-block.ts";
import sgdWgsl from "../../shaders/sgd.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";

/**
 * With g = grad clipScale + weightDecay param, coupled as in torch: m = momentum m + g; param -= lr (nesterov ? g + momentum m : m).
 * m begins at 0, so that its first value is g. Writes nothing when latched. param, grad, m (size), size a multiple of 4.
 */
export const sgd = defineKernel({
  name: "sgd",
  bindings: { param: "readwrite", grad: "read", m: "readwrite", stepF: "read", counts: "read:u32", scalars: "read" },
  dims: { size: "u32", momentum: "f32", nesterov: "u32", weightDecay: "f32" },
  cost: ({ size }) => ({ flops: 9 * size, bytes: 20 * size }),
  variants: [
    {
      name: "vec4-per-thread",
      wgsl: linearId + sgdWgsl,
      constants: stepBlockConstants,
      workgroups: ({ size }) => groupsOf(size / 4),
      fits: ({ size }) => size % 4 === 0,
    },
  ],
  meaning({ param, grad, m, stepF, counts, scalars }, { size, momentum, nesterov, weightDecay }) {
    if (counts[COUNTS.latched] !== 0) return;
    const lr = stepF[STEP_F.lr]!;
    const clipScale = scalars[SCALARS.clipScale]!;
    for (let i = 0; i < size; i++) {
      const g = grad[i]! * clipScale + weightDecay * param[i]!;
      const mi = momentum * m[i]! + g;
      m[i] = mi;
      param[i] = param[i]! - lr * (nesterov === 0 ? mi : g + momentum * mi);
    }
  },
});
