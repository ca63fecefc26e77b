/** The pull to where training began: L2-SP (Li et al., "Explicit inductive bias for transfer learning with convolutional networks", 2018). */
import { defineKernel } from "../device/types.ts";
import { groupsOf } from "./elementwise.ts";
import { STEP_F, stepBlockConstants } from "./step-block.ts";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";
import pullBackWgsl from "../../shaders/pull-back.wgsl?raw";

/** grad += weight lossScale (param - anchor), the gradient of weight / 2 |param - anchor|^2; param, anchor, grad (size), stepF as in step-block.ts. Arenas are multiples of four long. */
export const pullBack = defineKernel({
  name: "pullBack",
  bindings: { param: "read", anchor: "read", stepF: "read", grad: "readwrite" },
  dims: { size: "u32", weight: "f32" },
  cost: ({ size }) => ({ flops: 3 * size, bytes: 16 * size }),
  variants: [{
    name: "vec4", wgsl: linearId + pullBackWgsl, constants: stepBlockConstants, workgroups: ({ size }) => groupsOf(size / 4), fits: ({ size }) => size % 4 === 0,
  }],
  meaning({ param, anchor, stepF, grad }, { size, weight }) {
    const scale = weight * stepF[STEP_F.lossScale]!;
    for (let i = 0; i < size; i++) grad[i] = grad[i]! + scale * (param[i]! - anchor[i]!);
  },
});
