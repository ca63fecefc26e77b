/** Every kernel there is: the only list. Tests, bench, profiler and tuner walk it. */
import { accumulate } from "./accumulate.ts";
import { adamw } from "./adamw.ts";
import { add } from "./add.ts";
import { attentionBackwardKV, attentionBackwardKVBf16 } from "./attention-backward-kv.ts";
import { attentionBackwardQ, attentionBackwardQBf16 } from "./attention-backward-q.ts";
import { attention, attentionBf16 } from "./attention.ts";
import { attentionWeights } from "./attention-weights.ts";
import { columnSum } from "./column-sum.ts";
import { copy } from "./copy.ts";
import { crossEntropy } from "./cross-entropy.ts";
import { decodeAttention } from "./decode-attention.ts";
import { dropout } from "./dropout.ts";
import { embeddingBackward } from "./embedding-backward.ts";
import { embedding } from "./embedding.ts";
import { gatherRows } from "./gather-rows.ts";
import { geluBackward, geluBackwardBf16 } from "./gelu-backward.ts";
import { gelu, geluBf16 } from "./gelu.ts";
import { kvStore } from "./kv-store.ts";
import { layernormBackwardParams } from "./layernorm-backward-params.ts";
import { layernormBackward } from "./layernorm-backward.ts";
import { layernorm, layernormBf16 } from "./layernorm.ts";
import { lossSum } from "./loss-sum.ts";
import { matmulNN, matmulNNBias, matmulNNBiasGelu, matmulNNBiasResidual, matmulNT, matmulTN } from "./matmul.ts";
import {
  matmulNNBf16AB, matmulNNBf16B, matmulNNBiasBf16AB, matmulNNBiasBf16ABOut, matmulNNBiasGeluBf16, matmulNNBiasResidualBf16AB, matmulNTBf16AB, matmulNTBf16ABOut, matmulNTBf16B,
  matmulTNBf16A, matmulTNBf16B,
} from "./matmul-bf16.ts";
import { packBf16 } from "./pack-bf16.ts";
import { peakFma } from "./peak-fma.ts";
import { prepareUpdate } from "./prepare-update.ts";
import { recordMetrics } from "./record-metrics.ts";
import { rmsnormBackwardWeight } from "./rmsnorm-backward-weight.ts";
import { rmsnormBackward } from "./rmsnorm-backward.ts";
import { rmsnorm, rmsnormBf16 } from "./rmsnorm.ts";
import { ropeBackward } from "./rope-backward.ts";
import { rope, ropeBf16 } from "./rope.ts";
import { sample } from "./sample.ts";
import { softmax } from "./softmax.ts";
import { sumSquares } from "./sum-squares.ts";
import { swigluBackward, swigluBackwardBf16 } from "./swiglu-backward.ts";
import { swiglu, swigluBf16 } from "./swiglu.ts";
import { tokenLogprobsBackward } from "./token-logprobs-backward.ts";
import { tokenLogprobs } from "./token-logprobs.ts";

export const kernels = {
  accumulate,
  adamw,
  add,
  attention,
  attentionBf16,
  attentionBackwardKV,
  attentionBackwardKVBf16,
  attentionBackwardQ,
  attentionBackwardQBf16,
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
  geluBf16,
  geluBackward,
  geluBackwardBf16,
  kvStore,
  layernorm,
  layernormBf16,
  layernormBackward,
  layernormBackwardParams,
  lossSum,
  matmulNN,
  matmulNNBias,
  matmulNNBiasGelu,
  matmulNNBiasResidual,
  matmulNT,
  matmulTN,
  matmulNNBf16AB,
  matmulNNBf16B,
  matmulNNBiasBf16AB,
  matmulNNBiasBf16ABOut,
  matmulNNBiasGeluBf16,
  matmulNNBiasResidualBf16AB,
  matmulNTBf16AB,
  matmulNTBf16ABOut,
  matmulNTBf16B,
  matmulTNBf16A,
  matmulTNBf16B,
  packBf16,
  peakFma,
  prepareUpdate,
  recordMetrics,
  rmsnorm,
  rmsnormBf16,
  rmsnormBackward,
  rmsnormBackwardWeight,
  rope,
  ropeBf16,
  ropeBackward,
  sample,
  softmax,
  sumSquares,
  swiglu,
  swigluBf16,
  swigluBackward,
  swigluBackwardBf16,
  tokenLogprobs,
  tokenLogprobsBackward,
};
