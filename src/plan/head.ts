/**
 * The one op that owns the language-model head: logits, softmax and log-probability in row tiles, so that no logits buffer
 * passes the binding limit. Cross-entropy is its fused form. x (N, C), W (V, C) as GPT-2 keeps it, logits = x W^T.
 */
import { crossEntropy } from "../kernels/cross-entropy.ts";
import { klToParent } from "../kernels/kl-to-parent.ts";
import { matmulNNHalfB, matmulNTHalfAB, matmulTNHalfB } from "../kernels/matmul-half.ts";
import { matmulNN, matmulNT, matmulTN } from "../kernels/matmul.ts";
import { preferenceLoss } from "../kernels/preference-loss.ts";
import { softmax } from "../kernels/softmax.ts";
import { tokenLogprobs as tokenLogprobsKernel } from "../kernels/token-logprobs.ts";
import { tokenLogprobsBackward } from "../kernels/token-logprobs-backward.ts";
import { addInto, forType, weightBeside } from "./ops.ts";
import type { Recorder } from "./recorder.ts";
import { newTensor, rowsOf, type Tensor } from "./tensor.ts";

/** Row tiles start at multiples of this, so that every per-row view lands on a 256-byte step. */
const TILE_STEP = 64;

/** Rows of one tile: as many as fit in `maxLogitsBytes`, a multiple of 64, at least 64. */
export function tileRows(N: number, V: number, maxLogitsBytes: number): number {
  const rows = Math.max(TILE_STEP, Math.floor(maxLogitsBytes / (4 * V * TILE_STEP)) * TILE_STEP);
  return Math.min(N, rows);
}

function* tiles(N: number, rows: number): Generator<{ from: number; count: number }> {
  for (let from = 0; from < N; from += rows) yield { from, count: Math.min(rows, N - from) };
}

function logitsOf(r: Recorder, x: Tensor, W: Tensor): Tensor {
  const [M, K] = x.shape as [number, number];
  const N = W.shape[0]!;
  const logits = r.transient("logits", [M, N]);
  r.launch(forType(x, matmulNT, matmulNTHalfAB), { a: x, b: weightBeside(x, W), out: logits }, { M, N, K, accumulate: 0, alpha: 1 });
  return logits;
}

/** From dlogits of one tile: dx of its rows, and its share of dW. */
function tileBackward(r: Recorder, x: Tensor, W: Tensor, dlogits: Tensor, dx: Tensor | null): void {
  const [rows, V] = dlogits.shape as [number, number];
  const C = W.shape[1]!;
  if (dx) r.launch(forType(x, matmulNN, matmulNNHalfB), { a: dlogits, b: weightBeside(x, W), out: dx }, { M: rows, N: C, K: V, accumulate: 0, alpha: 1 });
  r.contribute(W, (dW, accumulate) => r.launch(forType(x, matmulTN, matmulTNHalfB), { a: dlogits, b: x, out: dW }, { M: V, N: C, K: rows, accumulate, alpha: 1 }));
}

export interface TargetTensors {
  /** (N) u32 */
  readonly targets: Tensor;
  /** (N) 1 where the target counts, else 0 */
  readonly mask: Tensor;
}

/** What a model's predictions are held near: its parent's hidden states (N, C) and head (V, C), both frozen. */
export interface HeldTo {
  readonly x: Tensor;
  readonly W: Tensor;
  readonly weight: number;
}

/**
 * Mean masked cross-entropy as training needs it: per-row loss (N), and at once the gradients of x and W for
 * dLogprob = -mask / (targets in the whole optimizer step). One pass over each tile's logits.
 * @param held adds the gradient of weight KL(parent || model) at the same targets; the loss stays the cross-entropy alone
 */
export function crossEntropyLoss(r: Recorder, x: Tensor, W: Tensor, { targets, mask }: TargetTensors, stepF: Tensor, maxLogitsBytes: number, held?: HeldTo): Tensor {
  const [N, C] = x.shape as [number, number];
  const V = W.shape[0]!;
  const loss = r.transient("loss", [N], x.requiresGrad || W.requiresGrad);
  const dx = x.requiresGrad ? newTensor(`d ${x.name}`, [N, C], "activations") : null;
  for (const { from, count } of tiles(N, tileRows(N, V, maxLogitsBytes))) {
    const rows = (tensor: Tensor): Tensor => rowsOf(tensor, from, count);
    const logits = logitsOf(r, rows(x), W);
    const parent = held && r.scope("parent", () => logitsOf(r, rows(held.x), held.W));
    if (held && parent) r.launch(klToParent, { logits, parent, mask: rows(mask), stepF }, { N: count, V, weight: held.weight });
    r.launch(crossEntropy, { logits, targets: rows(targets), mask: rows(mask), stepF, loss: rows(loss) }, { N: count, V });
    if (parent) addInto(r)(logits, parent);
    tileBackward(r, rows(x), W, logits, dx && rows(dx));
  }
  if (dx) r.seedGradient(x, dx);
  return loss;
}

/** log p(target) (N), and its backward for any upstream dLogprob (N): what preference objectives stand on. */
export function tokenLogprobs(r: Recorder, x: Tensor, W: Tensor, targets: Tensor, maxLogitsBytes: number, out?: Tensor): Tensor {
  const [N, C] = x.shape as [number, number];
  const V = W.shape[0]!;
  const size = tileRows(N, V, maxLogitsBytes);
  const logprob = out ?? r.transient("logprob", [N], x.requiresGrad || W.requiresGrad);
  const lse = r.transient("logits lse", [N]);
  for (const { from, count } of tiles(N, size)) {
    const rows = (tensor: Tensor): Tensor => rowsOf(tensor, from, count);
    r.launch(tokenLogprobsKernel, { logits: logitsOf(r, rows(x), W), targets: rows(targets), logprob: rows(logprob), lse: rows(lse) }, { N: count, V });
  }
  r.onBackward(logprob, (dlogprob) => {
    const dx = x.requiresGrad ? newTensor(`d ${x.name}`, [N, C], "activations") : null;
    for (const { from, count } of tiles(N, size)) {
      const rows = (tensor: Tensor): Tensor => rowsOf(tensor, from, count);
      const logits = logitsOf(r, rows(x), W);
      r.launch(tokenLogprobsBackward, { logits, targets: rows(targets), lse: rows(lse), dlogprob: rows(dlogprob) }, { N: count, V });
      tileBackward(r, rows(x), W, logits, dx && rows(dx));
    }
    if (dx) r.seedGradient(x, dx);
  });
  return logprob;
}

export interface PairTensors {
  /** (2 P T) 1 where a token of an answer counts, else 0 */
  readonly mask: Tensor;
  /** (2 P) */
  readonly expected: Tensor;
  readonly stepF: Tensor;
}

/** Preference loss (P) of log-probabilities (2 P T) that `tokenLogprobs` gave, and at once their gradient. */
export function pairLoss(r: Recorder, logprob: Tensor, { mask, expected, stepF }: PairTensors, dims: { P: number; T: number; beta: number; alpha: number }): Tensor {
  const loss = r.transient("pair loss", [dims.P]);
  const dlogprob = r.transient("d logprob", logprob.shape);
  r.launch(preferenceLoss, { logprob, mask, expected, stepF, dlogprob, loss }, dims);
  if (logprob.requiresGrad) r.seedGradient(logprob, dlogprob);
  return loss;
}

/** Probabilities of every next token: (N, C) -> `probs` (N, V). For looking, not for training. */
export function nextTokenProbs(r: Recorder, x: Tensor, W: Tensor, probs: Tensor): void {
  const [N, V] = [x.shape[0]!, W.shape[0]!];
  r.launch(softmax, { inp: logitsOf(r, x, W), out: probs }, { N, C: V });
}

/** Plain logits (R, V) for sampling. */
export const headLogits = logitsOf;
