/** Every kernel there is: the only list. Tests, bench, profiler and tuner walk it. */
import { accumulate } from "./accumulate.ts";
import { adamw } from "./adamw.ts";
import { add } from "./add.ts";
import { attentionBackwardKV } from "./attention-backward-kv.ts";
import { attentionBackwardQ } from "./attention-backward-q.ts";
import { attention } from "./attention.ts";
import { attentionWeights } from "./attention-weights.ts";
import { columnSum } from "./column-sum.ts";
import { copy } from "./copy.ts";
import { crossEntropy } from "./cross-entropy.ts";
import { decodeAttention } from "./decode-attention.ts";
import { dropout } from "./dropout.ts";
import { embeddingBackward } from "./embedding-backward.ts";
import { embedding } from "./embedding.ts";
import { gatherRows } from "./gather-rows.ts";
import { geluBackward } from "./gelu-backward.ts";
import { gelu } from "./gelu.ts";
import { kvStore } from "./kv-store.ts";
import { layernormBackwardParams } from "./layernorm-backward-params.ts";
import { layernormBackward } from "./layernorm-backward.ts";
import { layernorm } from "./layernorm.ts";
import { lossSum } from "./loss-sum.ts";
import { matmulNN, matmulNNBias, matmulNNBiasGelu, matmulNNBiasResidual, matmulNT, matmulTN } from "./matmul.ts";
import { peakFma } from "./peak-fma.ts";
import { prepareUpdate } from "./prepare-update.ts";
import { recordMetrics } from "./record-metrics.ts";
import { rmsnormBackwardWeight } from "./rmsnorm-backward-weight.ts";
import { rmsnormBackward } from "./rmsnorm-backward.ts";
import { rmsnorm } from "./rmsnorm.ts";
import { ropeBackward } from "./rope-backward.ts";
import { rope } from "./rope.ts";
import { sample } from "./sample.ts";
import { softmax } from "./softmax.ts";
import { sumSquares } from "./sum-squares.ts";
import { swigluBackward } from "./swiglu-backward.ts";
import { swiglu } from "./swiglu.ts";
import { tokenLogprobsBackward } from "./token-logprobs-backward.ts";
import { tokenLogprobs } from "./token-logprobs.ts";

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
  peakFma,
  prepareUpdate,
  recordMetrics,
  rmsnorm,
  rmsnormBackward,
  rmsnormBackwardWeight,
  rope,
  ropeBackward,
  sample,
  softmax,
  sumSquares,
  swiglu,
  swigluBackward,
  tokenLogprobs,
  tokenLogprobsBackward,
};
