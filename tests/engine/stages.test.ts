/** A run through several kinds of stages in Node on the CPU backend: each stands on the one before, what it forgets is measured, and it ends where it is told to. */
import { expect, it } from "vitest";
import { presetByName } from "../../src/protocol/presets.ts";
import type { MetricRow } from "../../src/protocol/messages.ts";
import type { PretrainStage, Recipe, SftStage, Stage } from "../../src/protocol/recipe.ts";
import { MemoryStorage } from "../../src/store/index.ts";
import { startTestEngine, type TestEngine } from "../support/engine-env.ts";

const preset = presetByName("first-light")!;
const [pretrain, sft] = preset.stages as [PretrainStage, SftStage];
const small = { batch_size: 4, eval_iters: 2, eval_interval: 0 };
const stages = {
  pretrain: { ...pretrain, ...small, data: [{ corpus: "world", weight: 1 }], max_iters: 12, optimizer: { ...pretrain.optimizer, warmup_iters: 2 } },
  lora: { ...sft, ...small, name: "Answers", max_iters: 6, kl_weight: 0.1, replay: 0.5, optimizer: { ...sft.optimizer, learning_rate: 3e-2, warmup_iters: 1 }, method: { type: "lora", r: 2, lora_alpha: 4, lora_dropout: 0.1, target_modules: ["c_attn"] } },
  continued: { ...sft, ...small, kind: "continue", name: "Reading on", data: [{ corpus: "world", weight: 3 }], max_iters: 4, l2_weight: 0.01, optimizer: { ...sft.optimizer, warmup_iters: 1 }, method: { type: "last_layers", layers: 1 } },
} as const satisfies Record<string, Stage>;
const recipeOf = (...list: readonly Stage[]): Recipe => ({
  ...preset, name: "stages", model: { ...preset.model, n_layer: 2, n_embd: 32, block_size: 32 } as Recipe["model"], tokenizer: { kind: "bpe", vocab_size: 320 }, stages: list,
});

const rowsOf = (engine: TestEngine, runId: string): MetricRow[] => engine.events.flatMap((event) => (event.type === "metrics" && event.runId === runId ? event.rows : []));
const finished = (engine: TestEngine, runId: string): Promise<unknown> => engine.until((state) => state.runId === runId && state.phase === "finished");

it("goes from pre-training over LoRA to reading on, each on top of the one before, with what was learned before measured beside", async () => {
  const engine = await startTestEngine();
  const recipe = recipeOf(stages.pretrain, stages.lora, stages.continued);
  const { runId } = await engine.api.startRun({ recipe });
  await finished(engine, runId);
  const rows = rowsOf(engine, runId).filter((row) => row["val/loss"] !== undefined);
  expect(rows.map(({ stageIndex, "val/earlier": earlier }) => [stageIndex, Object.keys(earlier ?? {})])).toEqual([[0, []], [1, ["Pre-training"]], [2, ["Pre-training", "Answers"]]]);
  // While a stage is prepared its own steps are told, not those of the one before.
  const early = engine.events.flatMap((event) => (event.type === "state" && event.state.phase === "preparing" && event.state.stageIndex > 0 ? [event.state.step] : []));
  expect([early.length > 0, new Set(early)]).toEqual([true, new Set([0])]);
  const ends = (await engine.api.listCheckpoints()).filter((each) => each.runId === runId);
  expect(ends.map(({ stage }) => stage).sort()).toEqual(["Answers", "Pre-training", "Reading on"]);

  // What the adapter learned is in the base that the next stage trains: a stage of one step at rate near 0 changes nothing that shows.
  const answered = ends.find(({ stage }) => stage === "Answers")!;
  const look = { ...stages.continued, max_iters: 1, eval_interval: 1, optimizer: { ...stages.continued.optimizer, learning_rate: 1e-9, min_lr: 0, warmup_iters: 0 } };
  const branch = await engine.api.startRun({ recipe: recipeOf(look), fromCheckpoint: answered.id });
  await finished(engine, branch.runId);
  const [before] = rowsOf(engine, branch.runId).filter((row) => row["val/loss"] !== undefined);
  const atEnd = rows.find(({ stageIndex }) => stageIndex === 1)!;
  expect(before!["val/earlier"]!["Answers"]).toBeCloseTo(atEnd["val/loss"]!, 5);
  // A branch knows what its parent went through.
  expect(Object.keys(before!["val/earlier"]!)).toEqual(["Pre-training", "Answers"]);
  await engine.api.dispose();
});

it("learns preferences on top of answers, asks in the template from the first step on, and goes on from its own checkpoint after a reload", async () => {
  const storage = new MemoryStorage();
  const engine = await startTestEngine(storage);
  const { kl_weight: _, replay: __, ...answers } = stages.lora;
  const dpo: Stage = { ...answers, kind: "dpo", name: "Preferences", data: [{ corpus: "world-preferences", weight: 1 }], max_iters: 5000, eval_interval: 2500, method: { type: "full" }, beta: 0.3, rpo_alpha: 0.3 };
  const recipe: Recipe = { ...recipeOf(stages.pretrain, { ...answers, method: { type: "full" } }, dpo), model: { ...preset.model, n_layer: 2, n_embd: 32, block_size: 64 } as Recipe["model"] };
  const { runId } = await engine.api.startRun({ recipe });
  await engine.until((state) => state.stageIndex === 2 && state.phase === "running" && state.step > 0);
  await engine.api.pause();
  const paused = await engine.until((state) => state.stageIndex === 2 && state.phase === "paused");
  await engine.api.dispose();
  const rows = rowsOf(engine, runId).filter((row) => row.stageIndex === 2);
  expect(rows.find((row) => row.step === 0 && row["val/loss"] !== undefined)).toMatchObject({ "val/preferred": 0, quiz_total: expect.any(Number) as number });
  const asked = engine.events.flatMap((event) => (event.type === "sample" && event.sample.stageIndex === 2 ? [event.sample.prompt] : []));
  expect(asked.at(-1)).toMatch(/^(How do I|What is the best way to|Tell me how to|What do you say to) /);

  const again = await startTestEngine(storage);
  await again.api.openRun(runId);
  const opened = await again.until((state) => state.phase === "paused" && state.stageIndex === 2 && state.canSample);
  expect(opened.step).toBe(paused.step);
  await again.api.play();
  await again.until((state) => state.step > opened.step + 5);
  await again.api.stop();
  await again.api.dispose();
}, 60_000);

it("ends a stage that gets no better, with its best weights, says so, and repeats it from the recipe that it leaves", async () => {
  const storage = new MemoryStorage();
  const engine = await startTestEngine(storage);
  const hot: Stage = { ...stages.lora, method: { type: "full" }, replay: 0, kl_weight: 0, max_iters: 40, eval_interval: 2, early_stopping_patience: 2, load_best_model_at_end: true, optimizer: { ...stages.lora.optimizer, learning_rate: 0.5, grad_clip: 0, schedule: "constant" } };
  const { runId } = await engine.api.startRun({ recipe: recipeOf(stages.pretrain, hot) });
  const done = await engine.until((state) => state.runId === runId && state.phase === "finished");
  const values = rowsOf(engine, runId).filter((row) => row.stageIndex === 1 && row["val/loss"] !== undefined).map((row) => [row.step, row["val/loss"]!] as const);
  const best = values.reduce((a, b) => (b[1] < a[1] ? b : a));
  const last = values.at(-1)![0];
  expect(last).toBeLessThan(40);
  expect(last).toBe(best[0] + 4);
  expect(done.recipe.stages[1]).toMatchObject({ max_iters: 40, ended_at: last });
  expect(done.stages[1]).toMatchObject({ steps: last, done: last });
  expect(engine.events.flatMap((event) => (event.type === "notice" && event.code === "BEST_KEPT" ? [event.text] : []))).toEqual([`"Answers" ends with the weights of step ${best[0]} of ${last}, its best.`]);
  const tuned = (await engine.api.listCheckpoints()).find((each) => each.runId === runId && each.stageIndex === 1)!;
  expect(tuned.valLoss).toBe(best[1]);

  const again = await engine.api.startRun({ recipe: recipeOf({ ...hot, max_iters: 1, eval_interval: 1, early_stopping_patience: 0, load_best_model_at_end: false, optimizer: { ...hot.optimizer, learning_rate: 1e-9, min_lr: 0, warmup_iters: 0 } }), fromCheckpoint: tuned.id });
  await finished(engine, again.runId);
  expect(rowsOf(engine, again.runId).find((row) => row["val/loss"] !== undefined)!["val/loss"]).toBe(best[1]);
  await engine.api.dispose();
});

it.each([
  ["a best that nothing measures", { ...stages.lora, replay: 0, eval_interval: 2, load_best_model_at_end: true, metric_for_best_model: "val/old_loss" }, /metric_for_best_model val\/old_loss, and no earlier stage/],
  ["replay where nothing came before", { ...stages.lora, parent: undefined }, /REPLAY|replays 0\.5 of its rows from earlier stages, and there is none/],
])("refuses %s", async (_, stage, message) => {
  const engine = await startTestEngine();
  await engine.api.startRun({ recipe: recipeOf(stage as Stage) });
  await expect(engine.until(() => false)).rejects.toThrow(message);
  await engine.api.dispose();
});
