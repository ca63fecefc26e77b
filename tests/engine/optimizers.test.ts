/** Whole runs with the other optimizers as the page sees them: two stages, the second of LoRA, saved, forgotten and opened again bit for bit. */
import { expect, it } from "vitest";
import type { EngineEvent } from "../../src/protocol/messages.ts";
import { presetByName } from "../../src/protocol/presets.ts";
import type { OptimizerConfig, Recipe } from "../../src/protocol/recipe.ts";
import { validateRecipe } from "../../src/protocol/recipe-fields.ts";
import { MemoryStorage } from "../../src/store/index.ts";
import { startTestEngine } from "../support/engine-env.ts";

const STEPS = 12;
const firstLight = presetByName("first-light")!;

function recipeWith(change: Partial<OptimizerConfig>): Recipe {
  const [pretrain, sft] = firstLight.stages as [Recipe["stages"][number], Recipe["stages"][number]];
  const small = { batch_size: 4, eval_iters: 1, eval_interval: 0, max_iters: STEPS };
  const optimizer = (of: OptimizerConfig): OptimizerConfig => ({ ...of, ...change, warmup_iters: 2 });
  return validateRecipe({
    ...firstLight, name: "tiny", model: { ...firstLight.model, n_layer: 1, n_embd: 32, n_head: 2, block_size: 64 }, tokenizer: { kind: "bpe", vocab_size: 320 },
    stages: [
      { ...pretrain, ...small, data: [{ corpus: "world", weight: 1 }], optimizer: optimizer(pretrain.optimizer) },
      // A rank that is no multiple of four, so that no product of its Newton-Schulz takes four columns at once.
      { ...sft, ...small, method: { type: "lora", r: 3, lora_alpha: 6, target_modules: ["c_attn", "mlp.c_proj"] }, optimizer: optimizer(sft.optimizer) },
    ],
  });
}

const lossesOf = (events: readonly EngineEvent[]): (readonly [number, number])[] =>
  events.flatMap((event) => (event.type === "metrics" ? event.rows.flatMap((row) => (row["train/loss"] === undefined ? [] : [[row.globalStep, row["train/loss"]] as const])) : []));

it.each([
  ["SGD", { type: "sgd", learning_rate: 0.1, nesterov: true }],
  ["Muon and wsd", { type: "muon", learning_rate: 0.02, adam_learning_rate: 8e-3, schedule: "wsd", decay_iters: 6 }],
] as const)("%s trains a base and an adapter, and goes on after a reload with the losses of an unbroken run", async (_, change) => {
  const recipe = recipeWith(change);
  const unbroken = await startTestEngine();
  await unbroken.api.startRun({ recipe });
  await unbroken.until((state) => state.phase === "finished");
  const whole = lossesOf(unbroken.events);
  await unbroken.api.dispose();
  expect(whole.map(([step]) => step)).toEqual(Array.from({ length: 2 * STEPS }, (_, i) => i + 1));
  expect(whole[STEPS - 1]![1]).toBeLessThan(whole[0]![1] - 0.2);
  // An adapter begins as nothing; that its loss moves says that both of its matrices do.
  expect(new Set(whole.map(([, loss]) => loss)).size).toBe(2 * STEPS);

  const storage = new MemoryStorage();
  const before = await startTestEngine(storage);
  const { runId } = await before.api.startRun({ recipe, paused: true });
  await before.until((state) => state.phase === "paused");
  for (let step = 1; step <= 5; step++) {
    await before.api.singleStep();
    await before.until((state) => state.phase === "paused" && state.step === step);
  }
  // A pause after playing is a moment at which a run saves.
  await before.api.play();
  await before.api.pause();
  await before.until((state) => state.phase === "paused" && state.saved !== undefined);
  await before.api.dispose();
  const after = await startTestEngine(storage);
  await after.api.openRun(runId);
  await after.until((state) => state.phase === "paused");
  await after.api.play();
  await after.until((state) => state.phase === "finished");
  expect(lossesOf(after.events)).toEqual(whole);
  await after.api.dispose();
});
