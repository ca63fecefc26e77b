/** The compiled WebAssembly kernels, built anew where their sources have changed, and the CPU device on them. Node only. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ensureWasm, WASM_FILE } from "../../src/cli/build.ts";
import { root } from "../../src/cli/paths.ts";
import { createCpuDevice } from "../../src/device/cpu/cpu-device.ts";
import type { Device } from "../../src/device/types.ts";
import { POISON } from "./kernel-harness.ts";

let module: Promise<WebAssembly.Module> | undefined;

export function wasmModule(): Promise<WebAssembly.Module> {
  module ??= ensureWasm().then(() => new WebAssembly.Module(readFileSync(join(root, WASM_FILE))));
  return module;
}

/** The CPU device on the WebAssembly kernels, new buffers poisoned. */
export const wasmDevice = async (): Promise<Device> => createCpuDevice({ wasm: await wasmModule(), poison: POISON });
