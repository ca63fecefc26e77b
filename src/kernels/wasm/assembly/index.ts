/** The exports of the WebAssembly kernels: the names that contracts give as `wasm`. */
export { adamw, sumSquares } from "./adamw";
export { attention, attentionBackwardKV, attentionBackwardQ } from "./attention";
export { packBf16, unpackBf16 } from "./bf16";
export { packF16, unpackF16 } from "./f16";
export { columnSum } from "./column-sum";
export { accumulate, add, gelu, geluBackward } from "./elementwise";
export { layernorm, layernormBackward, layernormBackwardParams } from "./layernorm";
export { matmulNN, matmulNNBias, matmulNNBiasGelu, matmulNNBiasResidual, matmulNT, matmulNTOut, matmulTN } from "./matmul";
export { copy, peakFma } from "./peak";
export { rmsnorm, rmsnormBackward, rmsnormBackwardWeight } from "./rmsnorm";
export { rope, ropeBackward } from "./rope";
export { crossEntropy, softmax } from "./softmax";
export { swiglu, swigluBackward } from "./swiglu";
