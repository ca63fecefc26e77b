/**
 * Promises 11, 12 and 17 for a whole run: the same bits without the browser's bounds checks and on poisoned memory, on a device of
 * the specification's default limits and no feature. Edges of single buffers: tests/kernels; the golden model: tests/model.
 */
import { describe, expect, it } from "vitest";
import { createCpuDevice } from "../../src/device/cpu/cpu-device.ts";
import type { Device } from "../../src/device/types.ts";
import { createWebGpuDevice } from "../../src/device/webgpu/webgpu-device.ts";
import { gpuDevice } from "../support/gpu.ts";
import { hashOf, losses, microSource, microTrainer, unevenMasks, webGpu, webGpuByWorkgroup, wasmCpu, type FamilyName, type MicroOptions } from "../support/micro.ts";
import { wasmModule } from "../support/wasm.ts";

const POISON = 0x7fc00000;
const STEPS = 20;
const AT_NIGHT = typeof process !== "undefined" && process.env["NESTLING_NIGHTLY"] !== undefined;

interface Trace {
  readonly weights: string;
  readonly losses: readonly number[];
  readonly held: number;
  readonly probabilities: readonly number[];
  readonly tokens: readonly number[];
}

/** Everything a run computes, as it is seen from outside: shapes that are no multiple of any tile, every program used. */
async function trace(family: FamilyName, device: Device, poison?: number, steps = STEPS, words = 40): Promise<Trace> {
  const options: MicroOptions = {
    family, model: { dropout: 0.1, n_embd: 24, n_head: 3, n_kv_head: 1, intermediate_size: 52, vocab_size: 67 }, stage: { batch_size: 3 }, source: unevenMasks(microSource()),
    ...(poison === undefined ? {} : { compile: { poison } }),
  };
  const trainer = await microTrainer(device, options);
  const seen = await losses(trainer, steps);
  const held = await trainer.evaluate(trainer.data, 2);
  const probabilities = Array.from(await trainer.probabilities(trainer.data.evaluate(0, 1, 32)));
  const tokens: number[] = [];
  for await (const drawn of trainer.ask.generate([[5, 1, 60]], { temperature: 0.9, top_k: 20, top_p: 0.95, max_new_tokens: words, seed: 2 })) tokens.push(drawn.tokens[0]!);
  const weights = await hashOf(trainer);
  trainer.destroy();
  return { weights, losses: seen, held, probabilities, tokens };
}

const open = async (softwareAdapter: boolean, options: { toggles?: readonly string[]; poison?: number } = {}): Promise<Device> =>
  createWebGpuDevice(await gpuDevice(options.toggles ? { toggles: options.toggles } : {}), { softwareAdapter, ...(options.poison === undefined ? {} : { poison: options.poison }) });

// A software adapter pays for every barrier: fewer steps of the same launches.
const RUNS = [
  ["GPT-2, rows by thread", "gpt2", true, webGpu, STEPS, 40],
  ["GPT-2, rows by workgroup", "gpt2", false, webGpuByWorkgroup, AT_NIGHT ? 8 : 4, AT_NIGHT ? 40 : 8],
  ["Llama, rows by thread", "llama", true, webGpu, 8, 40],
  ["Llama, rows by workgroup", "llama", false, webGpuByWorkgroup, 8, 40],
] as const;

// The last at night alone: by day its kernels are seen at their own edges (tests/kernels/row-robustness), and GPT-2's here.
describe.each(RUNS.slice(0, AT_NIGHT ? undefined : -1))("a run on WebGPU, %s", (name, family, softwareAdapter, plain, steps, words) => {
  it(`computes the same bits over ${steps} steps without bounds checks, and on poisoned memory`, async () => {
    const want = await trace(family, await plain(), undefined, steps, words);
    const unchecked = await trace(family, await open(softwareAdapter, { toggles: ["disable_robustness"] }), undefined, steps, words);
    const poisoned = await trace(family, await open(softwareAdapter, { poison: POISON }), POISON, steps, words);
    console.info(`${name}: weights ${want.weights.slice(0, 8)}, unchecked ${unchecked.weights.slice(0, 8)}, poisoned ${poisoned.weights.slice(0, 8)}`);
    expect(unchecked).toEqual(want);
    expect(poisoned).toEqual(want);
    expect(want.losses.at(-1)!).toBeLessThan(want.losses[0]!);
    expect(want.tokens).toHaveLength(words);
  });
});

describe.each(["gpt2", "llama"] as const)("a run of %s on the CPU", (family) => {
  it(`computes the same bits over ${STEPS} steps on poisoned memory`, async () => {
    const want = await trace(family, await wasmCpu());
    const poisoned = await trace(family, createCpuDevice({ wasm: await wasmModule(), poison: POISON }), POISON);
    console.info(`CPU: weights ${want.weights.slice(0, 8)}, poisoned ${poisoned.weights.slice(0, 8)}`);
    expect(poisoned).toEqual(want);
  });

  it("comes close to what WebGPU computes: the same losses to 1e-4", async () => {
    const [cpu, gpu] = [await trace(family, await wasmCpu()), await trace(family, await webGpu())];
    const apart = Math.max(...cpu.losses.map((loss, i) => Math.abs(loss - gpu.losses[i]!)));
    console.info(`CPU and WebGPU: ${STEPS} losses within ${apart.toExponential(1)}, held out within ${Math.abs(cpu.held - gpu.held).toExponential(1)}`);
    expect(apart).toBeLessThanOrEqual(1e-4);
    expect(Math.abs(cpu.held - gpu.held)).toBeLessThanOrEqual(1e-4);
  });
});

describe("the device that all these tests run on", () => {
  it("has the specification's default limits and none of the features that a kernel could lean on", async () => {
    const gpu = await gpuDevice();
    const { limits } = gpu;
    const seen = {
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize, maxBufferSize: limits.maxBufferSize,
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize, maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
      maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage, maxComputeWorkgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
    };
    const features = [...gpu.features].filter((feature) => feature !== "core-features-and-limits");
    console.info(`${JSON.stringify(seen)}, features: ${features.join(", ") || "none"}`);
    expect(seen).toEqual({
      maxStorageBufferBindingSize: 128 * 2 ** 20, maxBufferSize: 256 * 2 ** 20, maxComputeWorkgroupStorageSize: 16 * 1024,
      maxComputeInvocationsPerWorkgroup: 256, maxStorageBuffersPerShaderStage: 8, maxComputeWorkgroupsPerDimension: 65_535,
    });
    expect(features).toEqual([]);
  });
});
