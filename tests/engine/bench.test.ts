/** The bench within the engine: what may run beside it, and on which device it runs. What it measures is tests/bench. */
import { describe, expect, it } from "vitest";
import { presetByName } from "../../src/protocol/presets.ts";
import type { Recipe } from "../../src/protocol/recipe.ts";
import { startTestEngine } from "../support/engine-env.ts";

const SUITES = { suites: ["softmax"], quick: true } as const;

function tinyRecipe(): Recipe {
  const preset = presetByName("first-light")!;
  const [pretrain] = preset.stages;
  return {
    ...preset, name: "tiny", model: { ...preset.model, n_layer: 1, n_head: 2, n_embd: 32, block_size: 32 }, tokenizer: { kind: "bpe", vocab_size: 320 },
    stages: [{ ...pretrain!, batch_size: 2, eval_iters: 1, data: [{ corpus: "world", weight: 1 }], max_iters: 2, eval_interval: 0, optimizer: { ...pretrain!.optimizer, warmup_iters: 0 } }],
  };
}

describe("the engine's bench", () => {
  it("lets nothing begin that would be timed with it, and says so", async () => {
    const { api } = await startTestEngine();
    const bench = api.bench(SUITES, {});
    const refusal = /^\[COMMAND\] A bench is running, and .* would be timed with it/;
    await expect(api.startRun({ recipe: tinyRecipe() })).rejects.toThrow(refusal);
    await expect(api.play()).rejects.toThrow(refusal);
    await expect(api.singleStep()).rejects.toThrow(refusal);
    await expect(api.profileStep()).rejects.toThrow(refusal);
    await expect(api.ask({ requestId: "a", sides: [{ side: "only", checkpointId: "x" }], prompt: "x", chat: false, temperature: 0, top_k: 0, top_p: 1, max_new_tokens: 1, seed: 1 })).rejects.toThrow(refusal);
    expect((await bench).rows.map(({ status }) => status)).toContain("ok");
    await expect(api.startRun({ recipe: tinyRecipe() })).resolves.toHaveProperty("runId");
    await api.dispose();
  });

  it("waits for a measurement that was begun before it; one that is asked for beside it waits for the bench", async () => {
    const { api } = await startTestEngine();
    const order: string[] = [];
    const note = async (what: string, work: Promise<unknown>): Promise<void> => {
      await work;
      order.push(what);
    };
    await Promise.all([note("measured before", api.calibrate(tinyRecipe())), note("bench", api.bench(SUITES, {})), note("measured beside", api.calibrate(tinyRecipe())), note("measured beside, again", api.calibrate(tinyRecipe()))]);
    expect(order.slice(0, 2)).toEqual(["measured before", "bench"]);
    await note("another bench", api.bench(SUITES, {}));
    expect(order.at(-1)).toBe("another bench");
    await api.dispose();
  });

  it("runs on the other device where it is asked to, and says what is missing", async () => {
    const { api } = await startTestEngine();
    await expect(api.bench({ ...SUITES, backend: "webgpu" }, {})).rejects.toThrow(/^\[GPU_MISSING\] WebGPU was asked for, but this browser has no WebGPU/);
    expect((await api.bench({ ...SUITES, backend: "cpu" }, {})).device.backend).toBe("cpu");
    await expect(api.bench({ ...SUITES, backend: "tpu" as never }, {})).rejects.toThrow(/^\[COMMAND\].*backend/);
    await api.dispose();
  });
});
