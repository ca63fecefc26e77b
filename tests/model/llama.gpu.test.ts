/** Llama on WebGPU, against transformers: plain memory, and poisoned memory. */
import { describe } from "vitest";
import { createWebGpuDevice } from "../../src/device/webgpu/webgpu-device.ts";
import { gpuDevice } from "../support/gpu.ts";
import { parityTests } from "../support/parity.ts";

const POISON = 0x7fc00000;

describe("Llama on WebGPU", () => {
  parityTests("llama", async () => createWebGpuDevice(await gpuDevice()));
});

describe("Llama on WebGPU, every new and reused buffer poisoned", () => {
  parityTests("llama", async () => createWebGpuDevice(await gpuDevice(), { poison: POISON }), { poison: POISON });
});
