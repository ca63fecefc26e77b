/** Every kernel there is: the only list. Tests, bench, profiler and tuner walk it. */
import type { AnyKernel } from "../device/types.ts";
import { accumulate } from "./accumulate.ts";
import { adamw } from "./adamw.ts";
import { add } from "./add.ts";
import { attentionBackwardKV, attentionBackwardKVHalf } from "./attention-backward-kv.ts";
import { attentionBackwardQ, attentionBackwardQHalf } from "./attention-backward-q.ts";
import { attention, attentionHalf } from "./attention.ts";
import { attentionWeights } from "./attention-weights.ts";
import { columnSum } from "./column-sum.ts";
import { copy } from "./copy.ts";
import { crossEntropy } from "./cross-entropy.ts";
import { decodeAttention } from "./decode-attention.ts";
import { dropout } from "./dropout.ts";
import { embeddingBackward } from "./embedding-backward.ts";
import { embedding } from "./embedding.ts";
import { gatherRows } from "./gather-rows.ts";
import { geluBackward, geluBackwardHalf } from "./gelu-backward.ts";
import { gelu, geluHalf } from "./gelu.ts";
import { klToParent } from "./kl-to-parent.ts";
import { kvStore } from "./kv-store.ts";
import { layernormBackwardParams } from "./layernorm-backward-params.ts";
import { layernormBackward } from "./layernorm-backward.ts";
import { layernorm, layernormHalf } from "./layernorm.ts";
import { lossSum } from "./loss-sum.ts";
import { matmulNN, matmulNNBias, matmulNNBiasGelu, matmulNNBiasResidual, matmulNT, matmulTN } from "./matmul.ts";
import {
  matmulNNBiasGeluHalf, matmulNNBiasHalfAB, matmulNNBiasHalfABOut, matmulNNBiasResidualHalfAB, matmulNNHalfAB, matmulNNHalfB, matmulNTHalfAB, matmulNTHalfABOut, matmulNTHalfB, matmulTNHalfA, matmulTNHalfB,
} from "./matmul-half.ts";
import { muonMomentum } from "./muon-momentum.ts";
import { muonNormalise } from "./muon-normalise.ts";
import { muonQuintic } from "./muon-quintic.ts";
import { muonUpdate } from "./muon-update.ts";
import { packHalf } from "./pack-half.ts";
import { peakFma } from "./peak-fma.ts";
import { preferenceLoss } from "./preference-loss.ts";
import { prepareUpdate } from "./prepare-update.ts";
import { pullBack } from "./pull-back.ts";
import { recordMetrics } from "./record-metrics.ts";
import { rmsnormBackwardWeight } from "./rmsnorm-backward-weight.ts";
import { rmsnormBackward } from "./rmsnorm-backward.ts";
import { rmsnorm, rmsnormHalf } from "./rmsnorm.ts";
import { ropeBackward } from "./rope-backward.ts";
import { rope, ropeHalf } from "./rope.ts";
import { sample } from "./sample.ts";
import { sgd } from "./sgd.ts";
import { softmax } from "./softmax.ts";
import type { Halves } from "./stored-half.ts";
import { sumSquares } from "./sum-squares.ts";
import { swigluBackward, swigluBackwardHalf } from "./swiglu-backward.ts";
import { swiglu, swigluHalf } from "./swiglu.ts";
import { tokenLogprobsBackward } from "./token-logprobs-backward.ts";
import { tokenLogprobs } from "./token-logprobs.ts";

/** Both formats of kernels that store halves, by their names. */
const byName = (halves: readonly unknown[]): Readonly<Record<string, AnyKernel>> =>
  Object.fromEntries((halves as readonly Halves<AnyKernel>[]).flatMap(({ bf16, f16 }) => [bf16, f16]).map((kernel) => [kernel.name, kernel]));

export const kernels = {
  accumulate,
  adamw,
  add,
  attention,
  attentionBackwardKV,
  attentionBackwardQ,
  attentionWeights,
  columnSum,
  copy,
  crossEntropy,
  decodeAttention,
  dropout,
  embedding,
  embeddingBackward,
  gatherRows,
  gelu,
  geluBackward,
  klToParent,
  kvStore,
  layernorm,
  layernormBackward,
  layernormBackwardParams,
  lossSum,
  matmulNN,
  matmulNNBias,
  matmulNNBiasGelu,
  matmulNNBiasResidual,
  matmulNT,
  matmulTN,
  muonMomentum,
  muonNormalise,
  muonQuintic,
  muonUpdate,
  peakFma,
  preferenceLoss,
  prepareUpdate,
  pullBack,
  recordMetrics,
  rmsnorm,
  rmsnormBackward,
  rmsnormBackwardWeight,
  rope,
  ropeBackward,
  sample,
  sgd,
  softmax,
  sumSquares,
  swiglu,
  swigluBackward,
  tokenLogprobs,
  tokenLogprobsBackward,
  ...byName([
    attentionHalf, attentionBackwardKVHalf, attentionBackwardQHalf, geluHalf, geluBackwardHalf, layernormHalf, rmsnormHalf, ropeHalf, swigluHalf, swigluBackwardHalf, packHalf,
    matmulNNBiasGeluHalf, matmulNNBiasHalfAB, matmulNNBiasHalfABOut, matmulNNBiasResidualHalfAB, matmulNNHalfAB, matmulNNHalfB, matmulNTHalfAB, matmulNTHalfABOut, matmulNTHalfB, matmulTNHalfA, matmulTNHalfB,
  ]),
};
