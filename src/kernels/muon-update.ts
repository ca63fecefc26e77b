/** Muon's last launch for one matrix: decoupled weight decay, then the step along what was orthogonalised. */
import { defineKernel } from "../device/types.ts";
import { groupsOf } from "./elementwise.ts";
import { COUNTS, STEP_F, stepBlockConstants } from "./step-block.ts";
import muonUpdateWgsl from "../../shaders/muon-update.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";

/**
 * param -= lr weightDecay param; param -= lr scale x. param (rows, stride), of which the columns from `first` on move; x (rows, columns).
 * Writes nothing when latched.
 */
export const muonUpdate = defineKernel({
  name: "muonUpdate",
  bindings: { param: "readwrite", x: "read", stepF: "read", counts: "read:u32" },
  dims: { rows: "u32", columns: "u32", stride: "u32", first: "u32", scale: "f32", weightDecay: "f32" },
  cost: ({ rows, columns }) => ({ flops: 4 * rows * columns, bytes: 12 * rows * columns }),
  variants: [
    { name: "thread-per-element", wgsl: linearId + muonUpdateWgsl, constants: stepBlockConstants, workgroups: ({ rows, columns }) => groupsOf(rows * columns) },
  ],
  meaning({ param, x, stepF, counts }, { rows, columns, stride, first, scale, weightDecay }) {
    if (counts[COUNTS.latched] !== 0) return;
    const lr = stepF[STEP_F.lr]!;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const at = row * stride + first + column;
        param[at] = param[at]! * (1 - lr * weightDecay) - lr * scale * x[row * columns + column]!;
      }
    }
  },
});
