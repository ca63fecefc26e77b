/** The engine in Node on the CPU backend: both stages, answers, files, and going on after a reload. */
import { describe, expect, it } from "vitest";
import type { EngineEvent, MetricRow, RunState } from "../../src/protocol/messages.ts";
import { presetByName } from "../../src/protocol/presets.ts";
import type { Recipe } from "../../src/protocol/recipe.ts";
import { MemoryStorage } from "../../src/store/index.ts";
import { startTestEngine, type TestEngine } from "../support/engine-env.ts";

const FIRST = 12;
const SECOND = 6;

/** The default recipe's shape at a scale of seconds, on the made world alone. */
function tinyRecipe(): Recipe {
  const preset = presetByName("first-light")!;
  const [pretrain, sft] = preset.stages;
  const small = { batch_size: 4, eval_iters: 1 };
  return {
    ...preset, name: "tiny", model: { ...preset.model, n_layer: 1, n_head: 2, n_embd: 32, block_size: 32, dropout: 0.1 }, tokenizer: { kind: "bpe", vocab_size: 320 },
    stages: [
      { ...pretrain!, ...small, data: [{ corpus: "world", weight: 1 }], max_iters: FIRST, eval_interval: 6, optimizer: { ...pretrain!.optimizer, warmup_iters: 2 } },
      { ...sft!, ...small, max_iters: SECOND, eval_interval: 3, optimizer: { ...sft!.optimizer, warmup_iters: 1 } },
    ] as Recipe["stages"],
  };
}

const rowsOf = (events: readonly EngineEvent[]): MetricRow[] => events.flatMap((event) => (event.type === "metrics" ? [...event.rows] : []));
const lossesOf = (events: readonly EngineEvent[]): [number, number][] => rowsOf(events).flatMap((row) => (row["train/loss"] === undefined ? [] : [[row.globalStep, row["train/loss"]] as [number, number]]));

async function answerOf(engine: TestEngine, checkpointId: string, prompt: string): Promise<string> {
  const requestId = `ask-${Math.random().toString(36).slice(2)}`;
  await engine.api.ask({ requestId, sides: [{ side: "only", checkpointId }], prompt, chat: true, temperature: 0, top_k: 0, top_p: 1, max_new_tokens: 12, seed: 3 });
  await new Promise((resolve) => setTimeout(resolve, 150)); // one batch of events
  return engine.events.flatMap((event) => (event.type === "token" && event.requestId === requestId ? [event.token.text] : [])).join("");
}

describe("the engine", () => {
  it("trains both stages, says what it does, saves each end, and answers from every model", async () => {
    const engine = await startTestEngine();
    const { runId } = await engine.api.startRun({ recipe: tinyRecipe() });
    const done = await engine.until((state) => state.phase === "finished");
    expect(done.stages.map(({ done: steps }) => steps)).toEqual([FIRST, SECOND]);

    const own = engine.events.filter((event) => event.runId === runId);
    expect(own.every((event, i) => i === 0 || event.seq > own[i - 1]!.seq)).toBe(true);
    const rows = rowsOf(own);
    expect(rows.filter((row) => row["train/loss"] !== undefined).map(({ globalStep }) => globalStep)).toEqual(Array.from({ length: FIRST + SECOND }, (_, i) => i + 1));
    expect(rows.filter((row) => row["val/loss"] !== undefined).map(({ stageIndex, step }) => [stageIndex, step])).toEqual([[0, 0], [0, 6], [0, 12], [1, 0], [1, 3], [1, 6]]);
    const tuning = rows.filter((row) => row.stageIndex === 1 && row["val/loss"] !== undefined);
    expect(tuning.every((row) => Number.isFinite(row["val/old_loss"]))).toBe(true);
    // The same windows, the same weights: the base's own last figure, read again from the next stage.
    expect(tuning[0]!["val/old_loss"]).toBe(rows.findLast((row) => row.stageIndex === 0)!["val/loss"]);
    expect(tuning[0]!["val/old_loss"]).not.toBe(tuning[0]!["val/loss"]);
    expect(tuning.at(-1)!.quiz_total).toBe(50);
    expect(rows.some((row) => row.tokens_per_sec !== undefined && row.tokens_per_sec > 0)).toBe(true);

    const list = (await engine.api.listCheckpoints()).filter((each) => each.runId === runId);
    expect(list.map(({ stageKind, step }) => [stageKind, step])).toEqual([["pretrain", FIRST], ["sft", SECOND]]);
    expect(list[1]!.parentId).toBe(list[0]!.id);
    const live = await answerOf(engine, "live", "Who are you?");
    expect(live.length).toBeGreaterThan(0);
    expect(await answerOf(engine, list[1]!.id, "Who are you?")).toBe(live);

    const zip = await engine.api.exportCheckpoint(list[1]!.id);
    const opened = await engine.api.importCheckpoint("mine.zip", zip);
    expect(opened.resumable).toBe(false);
    expect(await answerOf(engine, opened.id, "Who are you?")).toBe(live);
    await engine.api.dispose();
  });

  it("saves every 60 s of the clock, not only at the end of a stage", async () => {
    let now = 0;
    const engine = await startTestEngine(new MemoryStorage(), { now: () => now });
    const { runId } = await engine.api.startRun({ recipe: tinyRecipe(), paused: true });
    await engine.until((state) => state.phase === "paused");
    const savedSteps = async (): Promise<number[]> => (await engine.api.listCheckpoints()).filter((each) => each.runId === runId).map(({ step }) => step);
    for (const [step, passed] of [[1, 59_000], [2, 2000], [3, 10_000], [4, 51_000]] as const) {
      now += passed;
      await engine.api.singleStep();
      await engine.until((state) => state.phase === "paused" && state.step === step);
    }
    // Steps are saved at the border before the one that comes after the minute.
    expect(await savedSteps()).toEqual([1, 3]);
    await engine.api.dispose();
  });

  it("goes on after a reload with the losses of an unbroken run, bit for bit", async () => {
    const unbroken = await startTestEngine();
    await unbroken.api.startRun({ recipe: tinyRecipe() });
    await unbroken.until((state) => state.phase === "finished");
    const whole = lossesOf(unbroken.events);
    await unbroken.api.dispose();

    const storage = new MemoryStorage();
    const before = await startTestEngine(storage);
    const { runId } = await before.api.startRun({ recipe: tinyRecipe(), paused: true });
    await before.until((state) => state.phase === "paused");
    for (let i = 1; i <= 5; i++) {
      await before.api.singleStep();
      await before.until((state) => state.phase === "paused" && state.step === i);
    }
    // A pause after playing is a moment at which a run saves.
    await before.api.play();
    await before.api.pause();
    const paused = await before.until((state) => state.phase === "paused" && state.saved !== undefined);
    const { step } = paused.saved!;
    expect(step).toBeGreaterThanOrEqual(5);

    await before.api.dispose();
    const after = await startTestEngine(storage);
    await after.api.openRun(runId);
    const opened = await after.until((state) => state.phase === "paused");
    expect(opened.step).toBe(step);
    expect(lossesOf(after.events).map(([step]) => step)).toEqual(Array.from({ length: opened.step }, (_, i) => i + 1));
    await after.api.play();
    await after.until((state) => state.phase === "finished");
    expect(lossesOf(after.events)).toEqual(whole);
    await after.api.dispose();
  });

  it("takes exactly one step when asked for one", async () => {
    const engine = await startTestEngine();
    await engine.api.startRun({ recipe: tinyRecipe(), paused: true });
    await engine.until((state) => state.phase === "paused");
    const steps: number[] = [];
    for (let i = 1; i <= 3; i++) {
      await engine.api.singleStep();
      const state: RunState = await engine.until((each) => each.phase === "paused" && each.step === i);
      steps.push(state.step);
    }
    expect(steps).toEqual([1, 2, 3]);
    await engine.api.stop();
    await engine.api.dispose();
  });

  it.each([
    ["a recipe out of range", (engine: TestEngine) => engine.api.startRun({ recipe: { ...tinyRecipe(), model: { ...tinyRecipe().model, n_head: 3 } } }), "CONFIG_RANGE"],
    ["a recipe with an unknown field", (engine: TestEngine) => engine.api.startRun({ recipe: { ...tinyRecipe(), surprise: 1 } as unknown as Recipe }), "CONFIG_UNKNOWN"],
    ["an unknown checkpoint", (engine: TestEngine) => engine.api.exportCheckpoint("nothing"), "CKPT_MISSING"],
    ["an empty file", (engine: TestEngine) => engine.api.addCorpus("a.txt", new Blob([])), "DATA_EMPTY"],
    ["a pickle", (engine: TestEngine) => engine.api.importCheckpoint("a.pt", new Blob([Uint8Array.of(0x80, 2, 0, 0, 0, 0, 0, 0, 0)])), "CKPT_PICKLE"],
    ["an ask of nobody", (engine: TestEngine) => engine.api.ask({ requestId: "x", sides: [], prompt: "?", chat: true, temperature: 1, top_k: 0, top_p: 1, max_new_tokens: 5, seed: 1 }), "COMMAND"],
  ])("refuses %s with its code", async (_, act, code) => {
    const engine = await startTestEngine();
    await expect(act(engine)).rejects.toMatchObject({ code });
    await engine.api.dispose();
  });
});
