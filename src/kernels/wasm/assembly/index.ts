/** The exports of the WebAssembly kernels: the names that contracts give as `wasm`. */
export { columnSum } from "./column-sum";
export { matmulNN, matmulNNBias, matmulNNBiasGelu, matmulNNBiasResidual, matmulNT, matmulTN } from "./matmul";
