/** tests/support/wasm.ts in Chromium: the compiled kernels come from beside the page. */
import { createCpuDevice } from "../../src/device/cpu/cpu-device.ts";
import type { Device } from "../../src/device/types.ts";
import { POISON } from "../support/kernel-harness.ts";

let compiled: Promise<WebAssembly.Module> | undefined;

export const wasmModule = (): Promise<WebAssembly.Module> => (compiled ??= WebAssembly.compileStreaming(fetch("kernels.wasm")));

export const wasmDevice = async (): Promise<Device> => createCpuDevice({ wasm: await wasmModule(), poison: POISON });
