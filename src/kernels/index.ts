/** Every kernel of the engine: the only list. Adding one is a shader, a contract, a test and a line here. */
import { adamw } from "./adamw.ts";
import { columnSum } from "./column-sum.ts";
import { crossEntropy } from "./cross-entropy.ts";
import { decodeAttention } from "./decode-attention.ts";
import { gatherRows } from "./gather-rows.ts";
import { kvStore } from "./kv-store.ts";
import { lossSum } from "./loss-sum.ts";
import { matmulNN, matmulNNBias, matmulNNBiasGelu, matmulNNBiasResidual, matmulNT, matmulTN } from "./matmul.ts";
import { prepareUpdate } from "./prepare-update.ts";
import { recordMetrics } from "./record-metrics.ts";
import { sample } from "./sample.ts";
import { sumSquares } from "./sum-squares.ts";
import { tokenLogprobs } from "./token-logprobs.ts";
import { tokenLogprobsBackward } from "./token-logprobs-backward.ts";

export const kernels = {
  adamw,
  columnSum,
  crossEntropy,
  decodeAttention,
  gatherRows,
  kvStore,
  lossSum,
  matmulNN,
  matmulNNBias,
  matmulNNBiasGelu,
  matmulNNBiasResidual,
  matmulNT,
  matmulTN,
  prepareUpdate,
  recordMetrics,
  sample,
  sumSquares,
  tokenLogprobs,
  tokenLogprobsBackward,
};
