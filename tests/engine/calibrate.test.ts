/** Calibration: true on a machine whose speed is known, quick on one that is slow, and honest about memory before anything is allocated. */
import { describe, expect, it } from "vitest";
import { createCpuDevice } from "../../src/device/cpu/cpu-device.ts";
import { calibrate, leastBytes, refuseRecipe } from "../../src/engine/calibrate.ts";
import { presetByName, presets } from "../../src/protocol/presets.ts";
import type { Recipe } from "../../src/protocol/recipe.ts";
import { wasmModule } from "../support/wasm.ts";

const small = (): Recipe => {
  const preset = presetByName("first-light")!;
  return { ...preset, model: { ...preset.model, n_layer: 1, n_head: 2, n_embd: 16, block_size: 16 }, tokenizer: { kind: "bpe", vocab_size: 300 } };
};

describe("calibrate", () => {
  it.each([
    ["a quick machine, by whole batches", 0.01],
    ["a machine that needs a minute a batch, by single rows", 4000 / 16],
  ])("gives the speed of %s", async (_what, msPerToken) => {
    // The device computes; its time is this clock's, which a step moves by its tokens.
    const device = createCpuDevice({ wasm: await wasmModule() });
    let now = 0;
    const finished = device.submit.bind(device);
    let tokens = 0;
    device.submit = (commands) => {
      finished(commands);
      for (const command of commands) if (command.kind === "run") now += tokens * msPerToken;
    };
    const write = device.write.bind(device);
    device.write = (view, data) => {
      // Ids of a batch: the only u32 writes as long as rows times context.
      if (data instanceof Uint32Array && data.length % 16 === 0 && data.length >= 16) tokens = data.length;
      write(view, data);
    };
    const recipe = small();
    const began = performance.now();
    const result = await calibrate(device, recipe, () => now, async () => {});
    expect(performance.now() - began).toBeLessThan(20_000);
    // A step submits its micro-step and its update: two runs a step.
    expect(result.tokensPerSec * 2 * msPerToken).toBeCloseTo(1000, 6);
    expect(result.stepMs).toBeCloseTo(2 * msPerToken * 16 * 16, 6);
    expect(result.stageMs[0]).toBeCloseTo(result.stepMs * recipe.stages[0]!.max_iters, 6);
    expect(now).toBeLessThan(Math.max(10_000, 8 * 16 * msPerToken));
    device.destroy();
  });
});

describe("refuseRecipe", () => {
  const limits = { maxBufferBytes: 2 ** 30, maxBindingBytes: 2 ** 30, maxTotalBytes: 2 ** 32 };

  it("gives each stage's memory, with LoRA far below full fine-tuning", () => {
    const [pretrain, sft] = refuseRecipe(small(), limits);
    expect(pretrain!.totalBytes).toBeGreaterThan(0);
    const recipe = small();
    const low = { ...recipe, stages: [recipe.stages[0]!, { ...recipe.stages[1]!, method: { type: "lora", r: 2, lora_alpha: 4, target_modules: ["c_attn"] } }] } as Recipe;
    expect(refuseRecipe(low, limits)[1]!.totalBytes).toBeLessThan(sft!.totalBytes);
  });

  it("refuses what does not fit in all, with both numbers, where no single buffer is too large", () => {
    const preset = presetByName("gpu-10m")!;
    const sized = (n_layer: number, n_embd: number): Recipe => ({ ...preset, model: { ...preset.model, n_layer, n_head: 16, n_embd, block_size: 256 } }) as Recipe;
    expect(() => refuseRecipe(sized(12, 768), limits)).toThrow(/This model needs \d+ MiB; this device gives 4096 MiB\. Nothing was allocated/);
    expect(() => refuseRecipe(sized(24, 1024), limits)).toThrow(/This model needs at least \d+ MiB; this device gives 4096 MiB\. Nothing was allocated/);
  });

  it("refuses at once what would take long to record", () => {
    const preset = presetByName("first-light")!;
    const [stage] = preset.stages;
    const huge = { ...preset, model: { ...preset.model, n_layer: 48, n_head: 32, n_embd: 4096, block_size: 4096 }, stages: [{ ...stage!, batch_size: 4096 }] } as Recipe;
    const from = process.cpuUsage().user;
    expect(() => refuseRecipe(huge, limits, 65_536)).toThrow(/This model needs at least \d+(?:\.\d)? TiB; this device gives 4096 MiB/);
    expect((process.cpuUsage().user - from) / 1000).toBeLessThan(500);
  });

  const withType = (preset: Recipe, type: "adamw" | "sgd" | "muon"): Recipe =>
    ({ ...preset, stages: preset.stages.map((stage) => ({ ...stage, ...(type !== "adamw" && { batch_size: 1, optimizer: { ...stage.optimizer, type } }) })) });

  // With one row there is little beside the parameters, and what is said of their moments counts.
  it.each(presets.flatMap((preset) => (["adamw", "sgd", "muon"] as const).map((type) => [preset.name, type, withType(preset, type)] as const)))("never calls for more than is planned: %s, %s", (_, __, preset) => {
    const roomy = { maxBufferBytes: 2 ** 40, maxBindingBytes: 2 ** 27, maxTotalBytes: 2 ** 40 };
    const V = preset.tokenizer.kind === "char" ? 90 : preset.tokenizer.vocab_size;
    const plans = refuseRecipe(preset, roomy, V);
    for (const [i, stage] of preset.stages.entries()) {
      expect(leastBytes(preset, stage, V)).toBeLessThan(plans[i]!.totalBytes);
      // Not so far below that it would refuse nothing.
      expect(leastBytes(preset, stage, V)).toBeGreaterThan(plans[i]!.totalBytes / 30);
    }
  });
});
