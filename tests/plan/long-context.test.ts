/** Long text inside the limits of the smallest legal device: memory linear in T, every buffer bindable, and a step that trains. */
import { describe, expect, it } from "vitest";
import { createCpuDevice } from "../../src/device/cpu/cpu-device.ts";
import type { TransformerConfig } from "../../src/model/transformer.ts";
import { recordTraining, type TrainingPrograms } from "../../src/training/programs.ts";
import { memoryOf, Trainer } from "../../src/training/trainer.ts";
import { losses, microConfigOf, microOptimizer, microSource, microStage, type FamilyName } from "../support/micro.ts";
import { wasmModule } from "../support/wasm.ts";

/** WebGPU's default `maxStorageBufferBindingSize`. */
const BINDING = 128 * 2 ** 20;
const T = 2048;

const programs = (family: FamilyName, block_size: number, changes: { n_layer: number; vocab_size: number; batchSize: number }): TrainingPrograms => recordTraining({
  config: { ...microConfigOf(family), n_embd: 256, n_head: 4, block_size, n_layer: changes.n_layer, vocab_size: changes.vocab_size, ...(family === "llama" ? { intermediate_size: 704 } : {}) } as TransformerConfig,
  lora: null, optimizer: microOptimizer, batchSize: changes.batchSize, maxBindingBytes: BINDING, quiz: false,
});

describe.each(["gpt2", "llama"] as const)("%s on long text", (family) => {
  const planned = (block_size: number): { activations: number; largest: number } => {
    const { buffers } = memoryOf(programs(family, block_size, { n_layer: 4, vocab_size: 8192, batchSize: 4 }));
    return {
      activations: buffers.filter(({ role }) => role === "activations").reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      largest: Math.max(...buffers.map(({ sizeBytes }) => sizeBytes)),
    };
  };

  it(`takes memory linear in the context up to ${T}, in buffers that every device binds, with 8,192 tokens to choose from`, () => {
    const [quarter, half, whole] = [planned(T / 4), planned(T / 2), planned(T)];
    const growth = (whole!.activations - half!.activations) / (half!.activations - quarter!.activations);
    console.info(`${family}: ${[quarter, half, whole].map((one) => `${(one!.activations / 2 ** 20).toFixed(0)} MiB`).join(", ")} of activations at T ${T / 4}, ${T / 2}, ${T}; largest buffer ${(whole!.largest / 2 ** 20).toFixed(0)} MiB`);
    // Twice the context costs twice what it cost before; a T x T tensor would cost four times.
    expect(growth).toBeGreaterThan(1.7);
    expect(growth).toBeLessThan(2.4);
    expect(whole!.largest).toBeLessThanOrEqual(BINDING);
  });

  it(`trains at context ${T} and width 256`, async () => {
    const device = createCpuDevice({ wasm: await wasmModule() });
    const optimizer = { ...microOptimizer, warmup_iters: 0 };
    const trainer = await Trainer.create(device, programs(family, T, { n_layer: 1, vocab_size: 65, batchSize: 1 }), { ...microStage, batch_size: 1, max_iters: 4, optimizer }, 1, microSource());
    trainer.initialise();
    const seen = await losses(trainer, 4);
    trainer.destroy();
    console.info(`${family}: losses ${seen.map((loss) => loss.toFixed(3)).join(", ")}`);
    expect(seen.every(Number.isFinite)).toBe(true);
    expect(seen[0]).toBeCloseTo(Math.log(65), 0);
    expect(seen[3]!).toBeLessThan(seen[0]! - 0.3);
  });
});
