/**
 * Muon (Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024) for the matrices inside the blocks: momentum, its orthogonalisation
 * by Newton-Schulz, and the step along that. What else is trained is AdamW's, as in Jordan's MuonWithAuxAdam: `update.ts`.
 */
import { matmulNN, matmulNT, matmulTN } from "../kernels/matmul.ts";
import { muonMomentum } from "../kernels/muon-momentum.ts";
import { muonNormalise } from "../kernels/muon-normalise.ts";
import { muonQuintic } from "../kernels/muon-quintic.ts";
import { muonUpdate } from "../kernels/muon-update.ts";
import { sumSquares } from "../kernels/sum-squares.ts";
import type { OptimizerConfig } from "../protocol/recipe.ts";
import type { HiddenMatrix, Parameters } from "./parameters.ts";
import type { Recorder } from "./recorder.ts";
import { elements, type Tensor } from "./tensor.ts";
import type { UpdateTensors } from "./update.ts";

/** Jordan's coefficients: the steepest slope at 0 that still keeps singular values about 1 (0.7 to 1.2). */
const QUINTIC = { a: 3.4445, b: -4.775, c: 2.0315 };
const EPS = 1e-7;
const PARTIALS = 64;

/**
 * torch.optim.Muon's `adjust_lr_fn` "original", Jordan's own: sqrt(max(1, outputs / inputs)). It goes by what the matrix does and not by how it
 * lies, which differs between the families.
 */
export const muonScale = (rows: number, columns: number, { outputs }: HiddenMatrix): number =>
  Math.sqrt(Math.max(1, outputs === "rows" ? rows / columns : columns / rows));

/** Records the update of every hidden matrix; those that lie side by side in one weight (queries, keys, values) are orthogonalised each alone, as Jordan advises. */
export function recordMuon(r: Recorder, parameters: Parameters, tensors: UpdateTensors, { momentum = 0.95, nesterov = true, ns_steps = 5, weight_decay }: Pick<OptimizerConfig, "momentum" | "nesterov" | "ns_steps" | "weight_decay">): void {
  const { stepF, counts, scalars } = tensors;
  for (const { name, shape, hidden, trainable } of parameters.specs) {
    if (!hidden || !trainable) continue;
    const [rows, stride] = shape as [number, number];
    const columns = stride / hidden.sideBySide;
    const param = parameters.get(name);
    for (let part = 0; part < hidden.sideBySide; part++) {
      r.scope(hidden.sideBySide > 1 ? `${name}[${part}]` : name, () => {
        const place = { rows, columns, stride, first: part * columns };
        const direction = r.transient("direction", [rows, columns]);
        r.launch(muonMomentum, { grad: param.grad!, m: parameters.moments(name).m, out: direction, counts, scalars },
          { ...place, momentum, oneMinusMomentum: 1 - momentum, nesterov: nesterov ? 1 : 0 });
        const x = orthogonalised(r, direction, ns_steps);
        r.launch(muonUpdate, { param, x, stepF, counts }, { ...place, scale: muonScale(rows, columns, hidden), weightDecay: weight_decay });
      });
    }
  }
}

/**
 * About the orthogonal matrix nearest to x (rows, columns): x / |x|, then `steps` times x = (a I + b G + c G G) x with G = x x^T. A tall matrix has
 * the smaller Gram matrix on its other side, x^T x, and is multiplied from there: what transposing it before and after would give.
 */
function orthogonalised(r: Recorder, start: Tensor, steps: number): Tensor {
  const [rows, columns] = start.shape as [number, number];
  const tall = rows > columns;
  const N = Math.min(rows, columns);
  const plain = { accumulate: 0, alpha: 1 };
  const partial = r.transient("partials", [PARTIALS]);
  r.launch(sumSquares, { inp: start, partial }, { size: elements(start.shape), partials: PARTIALS });
  r.launch(muonNormalise, { x: start, partial }, { size: elements(start.shape), partials: PARTIALS, eps: EPS });
  let x = start;
  for (let step = 0; step < steps; step++) {
    const gram = r.transient("gram", [N, N]);
    const square = r.transient("square", [N, N]);
    const next = r.transient("orthogonal", [rows, columns]);
    if (tall) r.launch(matmulTN, { a: x, b: x, out: gram }, { M: N, N, K: rows, ...plain });
    else r.launch(matmulNT, { a: x, b: x, out: gram }, { M: N, N, K: columns, ...plain });
    r.launch(matmulNN, { a: gram, b: gram, out: square }, { M: N, N, K: N, ...plain });
    r.launch(muonQuintic, { gram, square }, { N, ...QUINTIC });
    r.launch(matmulNN, tall ? { a: x, b: square, out: next } : { a: square, b: x, out: next }, { M: rows, N: columns, K: N, ...plain });
    x = next;
  }
  return x;
}
