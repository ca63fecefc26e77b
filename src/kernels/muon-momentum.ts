/** Muon's momentum for one matrix (Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024), laid out for what orthogonalises it. */
import { defineKernel } from "../device/types.ts";
import { groupsOf } from "./elementwise.ts";
import { COUNTS, SCALARS, stepBlockConstants } from "./step-block.ts";
import muonMomentumWgsl from "../../shaders/muon-momentum.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";

/**
 * With g = grad clipScale: m = momentum m + (1 - momentum) g; out = nesterov ? momentum m + (1 - momentum) g : m, as torch.optim.Muon's
 * lerps. grad, m (rows, stride); out (rows, columns) is their columns from `first` on, alone. Writes nothing when latched.
 */
export const muonMomentum = defineKernel({
  name: "muonMomentum",
  bindings: { grad: "read", m: "readwrite", out: "write", counts: "read:u32", scalars: "read" },
  dims: { rows: "u32", columns: "u32", stride: "u32", first: "u32", momentum: "f32", oneMinusMomentum: "f32", nesterov: "u32" },
  cost: ({ rows, columns }) => ({ flops: 7 * rows * columns, bytes: 16 * rows * columns }),
  variants: [
    { name: "thread-per-element", wgsl: linearId + muonMomentumWgsl, constants: stepBlockConstants, workgroups: ({ rows, columns }) => groupsOf(rows * columns) },
  ],
  meaning({ grad, m, out, counts, scalars }, { rows, columns, stride, first, momentum, oneMinusMomentum, nesterov }) {
    if (counts[COUNTS.latched] !== 0) return;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const at = row * stride + first + column;
        const g = oneMinusMomentum * (grad[at]! * scalars[SCALARS.clipScale]!);
        const mi = momentum * m[at]! + g;
        m[at] = mi;
        out[row * columns + column] = nesterov === 0 ? mi : momentum * mi + g;
      }
    }
  },
});
