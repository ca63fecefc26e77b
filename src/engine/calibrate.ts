/** How fast this machine trains a recipe: a few real steps on random tokens, in its own memory, freed afterwards. */
import { Draws } from "../core/random.ts";
import { emptyBatch, type Batch, type BatchSource } from "../data/index.ts";
import type { Device } from "../device/types.ts";
import type { Calibration } from "../protocol/messages.ts";
import type { Recipe } from "../protocol/recipe.ts";
import { recordTraining } from "../training/programs.ts";
import { Trainer } from "../training/trainer.ts";

const BUDGET_MS = 2000;
const MOST_STEPS = 12;
/** A character vocabulary is what its text has; this is about what English has. */
const CHARACTERS = 90;

function randomSource(V: number, seed: number): BatchSource {
  const batch = (step: number, B: number, T: number): Batch => {
    const made = emptyBatch(B, T);
    const draws = new Draws(seed, "eval", { step, site: "calibration" });
    for (let n = 0; n < B * T; n++) {
      made.ids[n] = draws.nextInt(V);
      made.targets[n] = draws.nextInt(V);
      made.pos[n] = n % T;
    }
    made.mask.fill(1);
    made.tokens = B * T;
    return made;
  };
  return {
    train: (step, _micro, B, T) => batch(step, B, T), evaluate: (index, B, T) => batch(index, B, T),
    fillRow: () => {}, trainTokens: 0, validationTokens: 0, hash: "calibration",
  };
}

/** @throws NestlingError MEM_ESTIMATE where the recipe does not fit */
export async function calibrate(device: Device, recipe: Recipe, now: () => number, breathe: () => Promise<void>): Promise<Calibration> {
  const stage = recipe.stages[0]!;
  const V = recipe.tokenizer.kind === "char" ? CHARACTERS : recipe.tokenizer.vocab_size;
  const programs = recordTraining({
    config: { ...recipe.model, vocab_size: V }, lora: null, optimizer: stage.optimizer, batchSize: stage.batch_size,
    maxBindingBytes: device.limits.maxBindingBytes, quiz: false,
  });
  // One micro-step a step: accumulation only repeats it.
  const trainer = await Trainer.create(device, programs, { ...stage, gradient_accumulation_steps: 1 }, recipe.seed, randomSource(V, recipe.seed));
  try {
    trainer.initialise();
    const times: number[] = [];
    const from = now();
    while (times.length < MOST_STEPS && (times.length < 2 || now() - from < BUDGET_MS)) {
      const start = now();
      trainer.takeStep();
      await trainer.readMetrics();
      times.push(now() - start);
      await breathe();
    }
    // The first step warms caches and compilers up; the median of the rest is not moved by one hiccup.
    const sorted = times.slice(1).sort((a, b) => a - b);
    const stepMs = sorted[Math.floor(sorted.length / 2)]!;
    const tokens = stage.batch_size * recipe.model.block_size;
    const msPerToken = stepMs / tokens;
    return {
      recipeName: recipe.name, tokensPerSec: 1000 / msPerToken, stepMs, memory: trainer.plan.report(),
      stageMs: recipe.stages.map((each) => each.max_iters * each.batch_size * each.gradient_accumulation_steps * recipe.model.block_size * msPerToken),
    };
  } finally {
    trainer.destroy();
  }
}
