/** The memory of a recipe, told before anything is allocated: what each stage of a run then has, to the byte. */
import { describe, expect, it, vi } from "vitest";
import type { MemoryReport } from "../../src/protocol/messages.ts";
import { presetByName } from "../../src/protocol/presets.ts";
import type { Recipe } from "../../src/protocol/recipe.ts";
import { startTestEngine, type TestEngine } from "../support/engine-env.ts";

/** Two short stages on the made world, whose text fills the vocabulary. */
function recipeOf(model: Partial<Recipe["model"]> = {}): Recipe {
  const preset = presetByName("first-light")!;
  const [pretrain, sft] = preset.stages;
  const short = { max_iters: 2, eval_interval: 0, eval_iters: 1, gradient_accumulation_steps: 1 };
  return {
    ...preset, name: "planned", tokenizer: { kind: "bpe", vocab_size: 300 },
    model: { ...preset.model, n_layer: 2, n_head: 2, n_embd: 32, block_size: 32, ...model } as Recipe["model"],
    stages: [
      { ...pretrain!, ...short, batch_size: 4, data: [{ corpus: "world", weight: 1 }], optimizer: { ...pretrain!.optimizer, warmup_iters: 1 } },
      { ...sft!, ...short, batch_size: 3, data: [{ corpus: "world-chat", weight: 1 }], optimizer: { ...sft!.optimizer, warmup_iters: 1 } },
    ],
  } as Recipe;
}

function withLora(recipe: Recipe): Recipe {
  const [pretrain, sft] = recipe.stages;
  return { ...recipe, stages: [pretrain!, { ...sft!, method: { type: "lora", r: 2, lora_alpha: 4, target_modules: ["c_attn"] } }] } as Recipe;
}

/** What the run says of its first stage before it trains, and of its last once it has. */
async function reported(engine: TestEngine, recipe: Recipe): Promise<MemoryReport[]> {
  const { runId } = await engine.api.startRun({ recipe, paused: true });
  const said = new Map<number, MemoryReport>();
  for (const phase of ["paused", "finished"]) {
    const { stageIndex, memory } = await engine.until((state) => state.runId === runId && state.phase === phase);
    said.set(stageIndex, memory!);
    await engine.api.play();
  }
  return [...said.values()];
}

describe("planMemory", () => {
  it.each([
    ["gpt2", recipeOf()],
    ["llama", recipeOf({ family: "llama", n_kv_head: 1, intermediate_size: 64, rope_theta: 10_000, rms_norm_eps: 1e-5, tie_word_embeddings: true } as Partial<Recipe["model"]>)],
    ["LoRA", withLora(recipeOf())],
  ])("says of each stage what a run then has: %s", async (_, recipe) => {
    const engine = await startTestEngine();
    const planned = await engine.api.planMemory(recipe);
    expect(planned.map(({ parts }) => parts.length > 3)).toEqual([true, true]);
    expect(planned[0]).not.toEqual(planned[1]);
    expect(await reported(engine, recipe)).toEqual(planned);
    await engine.api.dispose();
  });

  it("takes the model of the checkpoint that the first stage names", async () => {
    const engine = await startTestEngine();
    const whole = recipeOf();
    const { runId } = await engine.api.startRun({ recipe: { ...whole, stages: [whole.stages[0]!] } });
    await engine.until((state) => state.runId === runId && state.phase === "finished");
    const base = (await engine.api.listCheckpoints()).find((each) => each.runId === runId)!;
    const tuning = { ...whole, model: { ...whole.model, n_layer: 7, n_embd: 48 }, stages: [{ ...whole.stages[1]!, parent: base.id }] } as Recipe;
    const planned = await engine.api.planMemory(tuning);
    expect(planned).toEqual((await engine.api.planMemory(whole)).slice(1));
    expect(await reported(engine, tuning)).toEqual(planned);
    await expect(engine.api.planMemory({ ...tuning, stages: [{ ...tuning.stages[0]!, parent: "nobody" }] } as Recipe)).rejects.toMatchObject({ code: "CKPT_MISSING" });
    await engine.api.dispose();
  });

  it("refuses what does not fit and what is no recipe, allocates nothing, and answers while a run trains", async () => {
    const engine = await startTestEngine();
    const preset = presetByName("gpu-10m")!;
    const large = { ...preset, model: { ...preset.model, n_layer: 24, n_head: 16, n_embd: 1024, block_size: 1024 } } as Recipe;
    // Where the CPU's memory comes from, a heap at a time.
    const allocated = vi.fn<() => void>();
    vi.stubGlobal("WebAssembly", Object.create(WebAssembly, {
      Memory: { value: new Proxy(WebAssembly.Memory, { construct: (made, given: [WebAssembly.MemoryDescriptor]) => (allocated(), new made(...given)) }) },
    }));
    await expect(engine.api.planMemory(large)).rejects.toMatchObject({ code: "MEM_ESTIMATE", message: expect.stringMatching(/Nothing was allocated/) as string });
    await expect(engine.api.planMemory({ ...large, seed: -1 })).rejects.toMatchObject({ code: "CONFIG_RANGE" });
    const recipe = recipeOf();
    await engine.api.planMemory(recipe);
    expect(allocated).not.toHaveBeenCalled();
    const long = { ...recipe, stages: [{ ...recipe.stages[0]!, max_iters: 100_000 }] };
    const { runId } = await engine.api.startRun({ recipe: long });
    await engine.until((state) => state.runId === runId && state.phase === "running");
    expect(allocated).toHaveBeenCalled();
    vi.unstubAllGlobals();
    await expect(engine.api.calibrate(recipe)).rejects.toMatchObject({ code: "COMMAND" });
    expect(await engine.api.planMemory(recipe)).toHaveLength(2);
    await engine.api.dispose();
  });
});
