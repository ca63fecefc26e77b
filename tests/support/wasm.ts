/** The compiled WebAssembly kernels, built anew where their sources have changed, and the CPU device on them. Node only. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { ensureWasm, RELAXED_WASM_FILE, WASM_FILE } from "../../src/cli/build.ts";
import { root } from "../../src/cli/paths.ts";
import { createCpuDevice } from "../../src/device/cpu/cpu-device.ts";
import type { Device } from "../../src/device/types.ts";
import { POISON } from "./kernel-harness.ts";

let module: Promise<WebAssembly.Module> | undefined;

export function wasmModule(): Promise<WebAssembly.Module> {
  module ??= ensureWasm().then(() => new WebAssembly.Module(readFileSync(join(root, WASM_FILE))));
  return module;
}

let relaxed: Promise<WebAssembly.Module> | undefined;

/** The relaxed build; Node 20 has the feature behind a flag, Chrome without. */
export function relaxedModule(): Promise<WebAssembly.Module> {
  relaxed ??= ensureWasm().then(() => {
    setFlagsFromString("--experimental-wasm-relaxed-simd");
    return new WebAssembly.Module(readFileSync(join(root, RELAXED_WASM_FILE)));
  });
  return relaxed;
}

/** The CPU device on the WebAssembly kernels, new buffers poisoned. */
export const wasmDevice = async (): Promise<Device> => createCpuDevice({ wasm: await wasmModule(), poison: POISON });
