/** Llama on the CPU device, against transformers: the textbook functions, and the WebAssembly kernels. */
import { describe } from "vitest";
import { createCpuDevice } from "../../src/device/cpu/cpu-device.ts";
import { parityTests } from "../support/parity.ts";
import { wasmModule } from "../support/wasm.ts";

const POISON = 0x7fc00000;

describe("Llama on the CPU device, textbook functions, poisoned memory", () => {
  parityTests("llama", async () => createCpuDevice({ poison: POISON }), { poison: POISON });
});

describe("Llama on the CPU device, WebAssembly, poisoned memory", () => {
  parityTests("llama", async () => createCpuDevice({ wasm: await wasmModule(), poison: POISON }), { poison: POISON });
});
