/** Knobs that turn while a run trains, undo and fork: what was turned is in the recipe, and the recipe repeats the run bit for bit. */
import { describe, expect, it } from "vitest";
import { turned as turnedStage } from "../../src/engine/check.ts";
import { messageBreath } from "../../src/engine/environment.ts";
import type { EngineEvent, RunState } from "../../src/protocol/messages.ts";
import { presetByName } from "../../src/protocol/presets.ts";
import { MOST_CHANGES, validateRecipe } from "../../src/protocol/recipe-fields.ts";
import type { Recipe, Stage } from "../../src/protocol/recipe.ts";
import { MemoryStorage, RunStore } from "../../src/store/index.ts";
import { startTestEngine, type TestEngine } from "../support/engine-env.ts";

const STEPS = 12;

function recipeOf(): Recipe {
  const preset = presetByName("first-light")!;
  const [pretrain] = preset.stages;
  return {
    ...preset, name: "knobs", model: { ...preset.model, n_layer: 1, n_head: 2, n_embd: 32, block_size: 32, dropout: 0.1 }, tokenizer: { kind: "bpe", vocab_size: 300 },
    stages: [{ ...pretrain!, batch_size: 4, eval_iters: 1, data: [{ corpus: "world", weight: 1 }], max_iters: STEPS, eval_interval: 0, optimizer: { ...pretrain!.optimizer, warmup_iters: 2 } }],
  };
}

/** Newest training row of each step of a run: a fork begins with its parent's. */
const rowsOf = (events: readonly EngineEvent[], runId: string): [number, number, number][] => {
  const rows = new Map<number, [number, number, number]>();
  for (const event of events) {
    if (event.type !== "metrics" || event.runId !== runId) continue;
    for (const row of event.rows) if (row["train/loss"] !== undefined) rows.set(row.globalStep, [row.globalStep, row["train/loss"], row.lr!]);
  }
  return [...rows.values()].sort(([a], [b]) => a - b);
};

const samplesOf = (events: readonly EngineEvent[], runId: string): [number, string][] =>
  events.flatMap((event) => (event.type === "sample" && event.runId === runId ? [[event.sample.globalStep, event.sample.text]] : []));

async function steps(engine: TestEngine, runId: string, from: number, to: number): Promise<void> {
  for (let step = from + 1; step <= to; step++) {
    await engine.api.singleStep();
    await engine.until((state) => state.runId === runId && state.phase === "paused" && state.step === step);
  }
}

async function paused(engine: TestEngine, recipe: Recipe): Promise<string> {
  const { runId } = await engine.api.startRun({ recipe, paused: true });
  await engine.until((state) => state.runId === runId && state.phase === "paused");
  return runId;
}

const lastState = (engine: TestEngine, runId: string): RunState =>
  engine.events.flatMap((event) => (event.type === "state" && event.runId === runId ? [event.state] : [])).at(-1)!;
const flushed = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 150));

async function finish(engine: TestEngine, runId: string): Promise<void> {
  await engine.api.play();
  await engine.until((state) => state.runId === runId && state.phase === "finished");
  await flushed();
}

describe("knobs", () => {
  it("act from the next step on, stand in the recipe, and that recipe repeats the run bit for bit", async () => {
    const engine = await startTestEngine();
    const plain = await paused(engine, recipeOf());
    await finish(engine, plain);

    const { stages, ...rest } = recipeOf();
    const turned = await paused(engine, { ...rest, stages: stages.map((stage) => ({ ...stage, eval_interval: 3 })) });
    await steps(engine, turned, 0, 4);
    await engine.api.turnKnobs({ learning_rate: 4e-3 });
    await engine.api.turnKnobs({ grad_clip: 0.25 });
    await steps(engine, turned, 4, 7);
    // A checkpoint says of which step its held-out loss is, where it was not evaluated itself.
    const before = (await engine.api.listCheckpoints()).find(({ runId, globalStep }) => runId === turned && globalStep === 4)!;
    const evaluated = engine.events.flatMap((event) => (event.type === "metrics" && event.runId === turned ? event.rows : [])).findLast((row) => row.globalStep <= 4 && row["val/loss"] !== undefined)!;
    expect(before).toMatchObject({ valLoss: evaluated["val/loss"], valStep: evaluated.globalStep });
    expect(evaluated.globalStep).toBeLessThan(4);
    await engine.api.turnKnobs({ learning_rate: 1.6e-2 });
    await finish(engine, turned);

    const [was, is] = [rowsOf(engine.events, plain), rowsOf(engine.events, turned)];
    expect(is).toHaveLength(STEPS);
    expect(is.slice(0, 4)).toEqual(was.slice(0, 4));
    // first-light's peak is 8e-3: half of it from step 5 on, twice from step 8 on.
    is.forEach(([step, , lr], i) => expect(lr / was[i]![2]).toBeCloseTo(step <= 4 ? 1 : step <= 7 ? 0.5 : 2, 5));
    expect(is[11]![1]).not.toBe(was[11]![1]);

    const { recipe } = lastState(engine, turned);
    expect(recipe.stages[0]!.changes).toEqual([{ step: 4, learning_rate: 4e-3, grad_clip: 0.25 }, { step: 7, learning_rate: 1.6e-2 }]);
    const again = await paused(engine, recipe);
    await finish(engine, again);
    expect(rowsOf(engine.events, again)).toEqual(is);
    await engine.api.dispose();
  });

  it("temperature, turned while a sample is written, repeats every sample and moves no weight", async () => {
    const breath = messageBreath();
    let turning = false;
    let turns = 0;
    const engine = await startTestEngine(undefined, {
      breathe: () => {
        // Between the words of a sample as well as between steps.
        if (turning) void engine.api.turnKnobs({ temperature: turns++ % 2 === 0 ? 5 : 0 }).catch(() => undefined);
        return breath();
      },
    });
    const plain = await paused(engine, recipeOf());
    await finish(engine, plain);
    const turned = await paused(engine, recipeOf());
    turning = true;
    await finish(engine, turned);
    turning = false;
    const { recipe } = lastState(engine, turned);
    expect(recipe.stages[0]!.changes!.length).toBeGreaterThan(3);
    expect(rowsOf(engine.events, turned)).toEqual(rowsOf(engine.events, plain));
    const again = await paused(engine, recipe);
    await finish(engine, again);
    const [was, is, repeated] = [plain, turned, again].map((runId) => samplesOf(engine.events, runId));
    expect(is!.map(([step]) => step)).toEqual(Array.from({ length: STEPS + 1 }, (_, i) => i));
    expect(is).not.toEqual(was);
    expect(repeated).toEqual(is);
    await engine.api.dispose();
  });

  it("clip, turned alone, acts on the weights from the next step on", async () => {
    const engine = await startTestEngine();
    const plain = await paused(engine, recipeOf());
    await finish(engine, plain);
    const turned = await paused(engine, recipeOf());
    await steps(engine, turned, 0, 4);
    await engine.api.turnKnobs({ grad_clip: 0.01 });
    await finish(engine, turned);
    const [was, is] = [plain, turned].map((runId) => rowsOf(engine.events, runId).map(([, loss]) => loss));
    // The fifth step's loss is that of the weights before it.
    expect(is!.slice(0, 5)).toEqual(was!.slice(0, 5));
    expect(is![5]).not.toBe(was![5]);
    await engine.api.dispose();
  });

  it("turn at as many steps of a stage as its recipe can hold, and one more is refused", () => {
    let stage: Stage = { ...recipeOf().stages[0]!, max_iters: 2 * MOST_CHANGES };
    for (let step = 0; step < MOST_CHANGES; step++) stage = turnedStage(stage, { step, grad_clip: 1 });
    expect(validateRecipe({ ...recipeOf(), stages: [stage] }).stages[0]!.changes).toHaveLength(MOST_CHANGES);
    expect(() => turnedStage(stage, { step: MOST_CHANGES, grad_clip: 1 })).toThrow(/turned at 1001 steps of this stage, and a recipe keeps 1000/);
    // At a step where one was turned already it takes no place.
    expect(turnedStage(stage, { step: MOST_CHANGES - 1, grad_clip: 2 }).changes).toHaveLength(MOST_CHANGES);
  });

  it("are kept by a reload, also when it goes back behind them", async () => {
    const storage = new MemoryStorage();
    const before = await startTestEngine(storage);
    const runId = await paused(before, recipeOf());
    await steps(before, runId, 0, 3);
    await before.api.turnKnobs({ learning_rate: 2e-3 });
    await finish(before, runId);
    await before.api.dispose();
    const after = await startTestEngine(storage);
    await after.api.openRun(runId);
    expect((await after.until((state) => state.phase === "finished")).recipe.stages[0]!.changes).toEqual([{ step: 3, learning_rate: 2e-3 }]);
    await after.api.dispose();
  });

  it.each([
    [{ learning_rate: 0 }, /learning_rate is 0; it must be a number from 1e-9 to 1/],
    [{ learning_rate: Number.NaN }, /learning_rate is NaN/],
    [{ grad_clip: -1 }, /grad_clip is -1; it must be a number from 0 to 1000/],
    [{ temperature: 11 }, /temperature is 11/],
    [{}, /one of learning_rate, grad_clip, temperature/],
  ])("refuse %j by name and range", async (knobs, message) => {
    const engine = await startTestEngine();
    await paused(engine, recipeOf());
    await expect(engine.api.turnKnobs(knobs)).rejects.toThrow(message);
    await engine.api.dispose();
  });
});

describe("undo and fork", () => {
  it("undo goes back to before a knob was turned, and training from there is as if it never had been", async () => {
    const engine = await startTestEngine();
    const plain = await paused(engine, recipeOf());
    await finish(engine, plain);
    const runId = await paused(engine, recipeOf());
    await steps(engine, runId, 0, 5);
    await engine.api.turnKnobs({ learning_rate: 0.9 });
    await steps(engine, runId, 5, 8);
    const back = await engine.api.undo();
    expect(back.runId).not.toBe(runId);
    const state = await engine.until(({ runId: id, phase }) => id === back.runId && phase === "paused");
    expect(state.step).toBe(5);
    expect(state.recipe.stages[0]!.changes).toBeUndefined();
    expect((await engine.api.listCheckpoints()).find(({ id }) => id === state.branchId)).toMatchObject({ runId, step: 5 });
    await finish(engine, back.runId);
    expect(rowsOf(engine.events, back.runId)).toEqual(rowsOf(engine.events, plain));
    // What was left is still among the models.
    expect((await engine.api.listCheckpoints()).some((each) => each.runId === runId && each.step === 8)).toBe(true);
    await engine.api.dispose();
  });

  it("undo asked again, with nothing trained since, goes further back, and says when nothing is left", async () => {
    const engine = await startTestEngine();
    const [pretrain] = recipeOf().stages;
    const second = { ...pretrain!, name: "More", max_iters: 4 };
    let id = await paused(engine, { ...recipeOf(), stages: [{ ...pretrain!, max_iters: 3 }, second] });
    await steps(engine, id, 0, 3);
    for (const step of [1, 2]) {
      await engine.api.singleStep();
      await engine.until((state) => state.runId === id && state.phase === "paused" && state.stageIndex === 1 && state.step === step);
    }
    await engine.api.turnKnobs({ learning_rate: 0.9 });
    await engine.api.singleStep();
    await engine.until((state) => state.runId === id && state.phase === "paused" && state.stageIndex === 1 && state.step === 3);
    const undo = async (): Promise<unknown[]> => {
      id = (await engine.api.undo()).runId;
      const { stageIndex, step, recipe } = await engine.until(({ runId, phase }) => runId === id && phase === "paused");
      return [stageIndex, step, recipe.stages[1]!.changes];
    };
    expect(await undo()).toEqual([1, 2, undefined]);
    // The end of the first stage, where the second begins.
    expect(await undo()).toEqual([1, 0, undefined]);
    await expect(engine.api.undo()).rejects.toThrow(/no checkpoint before step 3/);
    await engine.api.dispose();
  });

  it("a fork starts where its checkpoint stood, is found by a reload before its first save, and leaves its parent alone", async () => {
    const storage = new MemoryStorage();
    const engine = await startTestEngine(storage);
    const runId = await paused(engine, recipeOf());
    await steps(engine, runId, 0, 4);
    await engine.api.turnKnobs({ temperature: 0.1 });
    const { id } = (await engine.api.listCheckpoints()).find((each) => each.runId === runId && each.step === 4)!;
    await finish(engine, runId);
    const parent = rowsOf(engine.events, runId);
    const fork = await engine.api.fork(id);
    await engine.until((state) => state.runId === fork.runId && state.phase === "paused" && state.step === 4);
    await flushed();
    expect(rowsOf(engine.events, fork.runId)).toEqual(parent.slice(0, 4));
    await engine.api.dispose();

    const again = await startTestEngine(storage);
    await again.api.openRun(fork.runId);
    await again.until((state) => state.phase === "paused" && state.step === 4);
    await again.api.turnKnobs({ learning_rate: 1e-4 });
    await steps(again, fork.runId, 4, 6);
    await again.api.dispose();

    // It has saved of its own by now, and still knows where it left, on record too.
    const later = await startTestEngine(storage);
    await later.api.openRun(fork.runId);
    expect((await later.until((state) => state.phase === "paused" && state.step >= 4)).branchId).toBe(id);
    await finish(later, fork.runId);
    expect((await new RunStore(storage).load(fork.runId)).extra).toMatchObject({ branchId: id });
    const own = rowsOf(later.events, fork.runId);
    expect(own.slice(0, 5).map(([step, loss]) => [step, loss])).toEqual(parent.slice(0, 5).map(([step, loss]) => [step, loss]));
    expect(own[11]![1]).not.toBe(parent[11]![1]);
    const list = await later.api.listCheckpoints();
    expect(list.filter((each) => each.runId === fork.runId).map(({ parentId }) => parentId)).toContain(id);
    expect(list.some((each) => each.runId === runId && each.step === STEPS)).toBe(true);
    await later.api.dispose();
  });

  it("say what stands in the way: nothing before, no optimizer state, the end of a recipe", async () => {
    const engine = await startTestEngine();
    await expect(engine.api.undo()).rejects.toThrow(/There is no run/);
    const runId = await paused(engine, recipeOf());
    await expect(engine.api.undo()).rejects.toThrow(/no checkpoint before step 0/);
    await finish(engine, runId);
    const end = (await engine.api.listCheckpoints()).find((each) => each.runId === runId && each.step === STEPS)!;
    await expect(engine.api.fork(end.id)).rejects.toThrow(/is the end of its recipe/);
    const opened = await engine.api.importCheckpoint("m.zip", await engine.api.exportCheckpoint(end.id));
    await expect(engine.api.fork(opened.id)).rejects.toThrow(/holds no optimizer state/);
    await engine.api.dispose();
  });
});
