/** Looking inside through the engine: the model that trains and any checkpoint, while training goes on as if nobody looked. */
import { describe, expect, it, vi } from "vitest";
import type { InsideView, MetricRow } from "../../src/protocol/messages.ts";
import { presetByName } from "../../src/protocol/presets.ts";
import type { Recipe } from "../../src/protocol/recipe.ts";
import { startTestEngine, type TestEngine } from "../support/engine-env.ts";

/** Buffers allocated and not yet freed, over all devices of this file. */
const tracked = vi.hoisted(() => ({ alive: 0 }));
vi.mock(import("../../src/device/cpu/cpu-device.ts"), async (original) => {
  const real = await original();
  return {
    ...real,
    createCpuDevice: (options) => {
      const device = real.createCpuDevice(options);
      const allocate = device.allocate.bind(device);
      device.allocate = async (requests) => {
        const heap = await allocate(requests);
        tracked.alive += requests.length;
        const destroy = heap.destroy.bind(heap);
        heap.destroy = () => {
          tracked.alive -= requests.length;
          destroy();
        };
        return heap;
      };
      return device;
    },
  };
});

const STEPS = 6;
const PROMPT = "Maria West lives in";

function recipeOf(): Recipe {
  const preset = presetByName("first-light")!;
  const [pretrain] = preset.stages;
  return {
    ...preset, name: "inside", model: { ...preset.model, n_layer: 2, n_head: 2, n_embd: 32, block_size: 32, dropout: 0.1 }, tokenizer: { kind: "bpe", vocab_size: 300 },
    stages: [{ ...pretrain!, batch_size: 4, eval_iters: 1, data: [{ corpus: "world", weight: 1 }], max_iters: STEPS, eval_interval: 0, optimizer: { ...pretrain!.optimizer, warmup_iters: 2 } }],
  };
}

async function paused(engine: TestEngine): Promise<string> {
  const { runId } = await engine.api.startRun({ recipe: recipeOf(), paused: true });
  await engine.until((state) => state.runId === runId && state.phase === "paused");
  return runId;
}

async function step(engine: TestEngine, runId: string, to: number): Promise<void> {
  await engine.api.singleStep();
  await engine.until((state) => state.runId === runId && state.step === to && state.phase === "paused");
}

async function finish(engine: TestEngine, runId: string): Promise<void> {
  await engine.api.play();
  await engine.until((state) => state.runId === runId && state.phase === "finished");
  await new Promise((resolve) => setTimeout(resolve, 150));
}

const rowsOf = (engine: TestEngine, runId: string): MetricRow[] =>
  engine.events.flatMap((event) => (event.type === "metrics" && event.runId === runId ? event.rows.filter((row) => row["train/loss"] !== undefined) : []));
const numbersOf = (view: InsideView): unknown => [view.tokens, view.attention, view.lens];

describe("lookInside and gradientNorms", () => {
  it("show the live model and its checkpoint alike, follow training, and leave its every number as it was", async () => {
    const engine = await startTestEngine();
    const plain = await paused(engine);
    await finish(engine, plain);

    const runId = await paused(engine);
    expect(await engine.api.gradientNorms()).toBeNull();
    const views = [await engine.api.lookInside("live", PROMPT)];
    for (let to = 1; to < STEPS; to++) {
      await step(engine, runId, to);
      const [view, norms] = await Promise.all([engine.api.lookInside("live", PROMPT), engine.api.gradientNorms()]);
      views.push(view);
      expect([view.step, norms!.step]).toEqual([to, to]);
      await new Promise((resolve) => setTimeout(resolve, 150));
      const row = rowsOf(engine, runId).find((each) => each.step === to)!;
      expect(norms!.total / row.grad_norm!).toBeCloseTo(1, 5);
    }
    await finish(engine, runId);
    views.push(await engine.api.lookInside("live", PROMPT));
    expect(rowsOf(engine, runId)).toHaveLength(STEPS);
    expect(rowsOf(engine, runId).map((row) => [row.step, row["train/loss"], row.grad_norm])).toEqual(rowsOf(engine, plain).map((row) => [row.step, row["train/loss"], row.grad_norm]));
    expect(new Set(views.map(({ attention }) => attention.join())).size).toBe(STEPS + 1);

    const [view] = views.slice(-1);
    expect([view!.layers, view!.heads, view!.tokens[0], view!.tokens.slice(1).join("")]).toEqual([2, 2, "<|endoftext|>", PROMPT]);
    expect(view!.note).toBeUndefined();
    const end = (await engine.api.listCheckpoints()).find((each) => each.runId === runId && each.step === STEPS)!;
    // A checkpoint keeps f32, so its copy shows the same to the last bit.
    expect(numbersOf(await engine.api.lookInside(end.id, PROMPT))).toEqual(numbersOf(view!));
    // The last depth is the model's own answer, as the next-word panel has it.
    const next = await engine.api.nextWord(end.id, PROMPT, 5);
    expect(view!.lens.at(-1)!.at(-1)).toEqual(next.candidates.map(({ text, p }) => ({ text, p })));
    await engine.api.dispose();
  });

  it("look into a llama while it trains: the lens ends where the next-word panel begins", async () => {
    const engine = await startTestEngine();
    const recipe = recipeOf();
    const { n_layer, n_head, n_embd, block_size, dropout } = recipe.model;
    const model = { family: "llama", n_layer, n_head, n_kv_head: 1, n_embd, block_size, dropout, intermediate_size: 64, rope_theta: 10_000, rms_norm_eps: 1e-5, tie_word_embeddings: true } as const;
    const { runId } = await engine.api.startRun({ recipe: { ...recipe, model }, paused: true });
    await engine.until((state) => state.runId === runId && state.phase === "paused");
    await step(engine, runId, 1);
    const view = await engine.api.lookInside("live", PROMPT);
    expect([view.layers, view.heads, view.step]).toEqual([2, 2, 1]);
    await engine.api.watchNextWord(PROMPT);
    await new Promise((resolve) => setTimeout(resolve, 150));
    const said = engine.events.flatMap((event) => (event.type === "nextWord" ? [event.view] : [])).at(-1)!;
    expect(view.lens.at(-1)!.at(-1)).toEqual(said.candidates.slice(0, 5).map(({ text, p }) => ({ text, p })));
    const norms = await engine.api.gradientNorms();
    expect(norms!.parts.filter(({ layer }) => layer === 1)).toHaveLength(9);
    await engine.api.dispose();
  });

  it("show each checkpoint that is chosen, one after another, and not the one before", async () => {
    const engine = await startTestEngine();
    const runId = await paused(engine);
    await step(engine, runId, 1);
    await engine.api.turnKnobs({ temperature: 0.5 });
    const early = numbersOf(await engine.api.lookInside("live", PROMPT));
    await finish(engine, runId);
    const late = numbersOf(await engine.api.lookInside("live", PROMPT));
    const list = await engine.api.listCheckpoints();
    const at = (wanted: number): string => list.find((each) => each.runId === runId && each.step === wanted)!.id;
    expect(early).not.toEqual(late);
    for (const [wanted, shown] of [[1, early], [STEPS, late], [1, early]] as const) {
      const view = await engine.api.lookInside(at(wanted), PROMPT);
      expect([view.step, numbersOf(view)]).toEqual([wanted, shown]);
    }
    await engine.api.dispose();
  });

  it("follow a run into a LoRA stage, whose adapters count", async () => {
    const engine = await startTestEngine();
    const { stages: [pretrain], ...rest } = recipeOf();
    const [, tune] = presetByName("first-light")!.stages;
    const sft = { ...tune!, batch_size: 4, eval_iters: 1, eval_interval: 0, max_iters: STEPS, method: { type: "lora", r: 2, lora_alpha: 32, target_modules: ["c_attn"] }, optimizer: { ...tune!.optimizer, learning_rate: 0.05, warmup_iters: 0 } };
    const { runId } = await engine.api.startRun({ recipe: { ...rest, stages: [{ ...pretrain!, max_iters: 2 }, sft] } as Recipe, paused: true });
    await engine.until((state) => state.runId === runId && state.phase === "paused");
    let begun: unknown;
    await step(engine, runId, 1);
    await engine.api.lookInside("live", PROMPT);
    await step(engine, runId, 2);
    for (let to = 1; to <= 3; to++) {
      await engine.api.singleStep();
      await engine.until((state) => state.runId === runId && state.stageIndex === 1 && state.step === to && state.phase === "paused");
      if (to === 1) begun = numbersOf(await engine.api.lookInside("live", PROMPT));
    }
    const view = await engine.api.lookInside("live", PROMPT);
    expect(view.step).toBe(3);
    expect(numbersOf(view)).not.toEqual(begun);
    await engine.api.watchNextWord(PROMPT);
    await new Promise((resolve) => setTimeout(resolve, 150));
    const said = engine.events.flatMap((event) => (event.type === "nextWord" ? [event.view] : [])).at(-1)!;
    expect(view.lens.at(-1)!.at(-1)!.map(({ text }) => text)).toEqual(said.candidates.slice(0, 5).map(({ text }) => text));
    await engine.api.dispose();
  });

  it("keep the end of a text longer than the context, and say so", async () => {
    const engine = await startTestEngine();
    await paused(engine);
    const view = await engine.api.lookInside("live", "one two three ".repeat(40));
    expect(view.tokens).toHaveLength(32);
    expect(view.note).toMatch(/^The text has \d+ tokens; looked at are the last 32\.$/);
    expect((await engine.api.lookInside("live", "")).tokens).toEqual(["<|endoftext|>"]);
    await engine.api.dispose();
  });

  it("hold a copy of the weights until they are closed, and open again when asked", async () => {
    const engine = await startTestEngine();
    const runId = await paused(engine);
    await step(engine, runId, 1);
    const before = tracked.alive;
    expect(before).toBeGreaterThan(10);
    const views = [await engine.api.lookInside("live", PROMPT)];
    await engine.api.gradientNorms();
    expect(tracked.alive).toBeGreaterThan(before + 10);
    await engine.api.closeInside();
    expect(tracked.alive).toBe(before);
    await finish(engine, runId);
    const { id } = (await engine.api.listCheckpoints()).find((each) => each.runId === runId)!;
    // Closed while a look is still waited for: it is answered, and then let go.
    const [view] = await Promise.all([engine.api.lookInside(id, PROMPT), engine.api.closeInside()]);
    views.push(view, await engine.api.lookInside(id, PROMPT));
    expect(views.map(({ tokens }) => tokens.slice(1).join(""))).toEqual([PROMPT, PROMPT, PROMPT]);
    expect(tracked.alive).toBeGreaterThan(before + 10);
    await engine.api.closeInside();
    await engine.api.closeInside();
    expect(tracked.alive).toBe(before);
    await engine.api.dispose();
  });

  it("refuse what is not there, and what is no text", async () => {
    const engine = await startTestEngine();
    await expect(engine.api.lookInside("live", PROMPT)).rejects.toThrow(/There is no run/);
    await expect(engine.api.gradientNorms()).rejects.toThrow(/There is no run/);
    await expect(engine.api.lookInside("nobody", PROMPT)).rejects.toThrow(/\[CKPT_MISSING\]/);
    await expect(engine.api.lookInside("../x", PROMPT)).rejects.toThrow(/checkpointId is/);
    await expect(engine.api.lookInside("live", 7 as never)).rejects.toThrow(/prompt is 7/);
    await engine.api.dispose();
  });
});
