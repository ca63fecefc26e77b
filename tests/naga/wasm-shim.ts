/** tests/support/wasm.ts under Deno, where only WebGPU is of interest: the helpers there name it and nothing here calls it. */

export const wasmModule = (): Promise<WebAssembly.Module> => Promise.reject(new Error("the WebAssembly kernels are not part of this bundle"));
