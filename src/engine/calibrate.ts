/** Whether a recipe fits this device and how fast it trains here, before anything is begun. */
import { Draws } from "../core/random.ts";
import { emptyBatch, type Batch, type BatchSource } from "../data/index.ts";
import type { Device, DeviceLimits } from "../device/types.ts";
import { memoryReport } from "../plan/compile.ts";
import { refuseIfTooLarge, refuseLeast, type MemoryPlan } from "../plan/memory.ts";
import type { Calibration, MemoryReport } from "../protocol/messages.ts";
import type { Recipe, Stage } from "../protocol/recipe.ts";
import type { CheckpointManifest } from "../store/index.ts";
import { parameterTable } from "../model/transformer.ts";
import { methodOf, rowsTogether, shapeOf } from "../training/objectives/index.ts";
import { recordTraining, type TrainingPrograms } from "../training/programs.ts";
import { memoryOf, Trainer } from "../training/trainer.ts";
import { scoresQuiz } from "./quiz.ts";

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
    pairs: { count: 1, at: (_from, B, T) => batch(0, B, T) }, fillRow: () => {}, trainTokens: 0, validationTokens: 0, hash: "calibration",
  };
}

/**
 * Refuses a recipe that does not fit, stage by stage, before anything is allocated or any text is read.
 * @param V the vocabulary, where it is known already; else the largest that the recipe allows
 * @param quiz whether questions are scored, where more than this recipe decides it
 * @returns the memory of each stage
 * @throws NestlingError MEM_ESTIMATE
 */
export function refuseRecipe(recipe: Recipe, limits: DeviceLimits, V = vocabularyOf(recipe), quiz = scoresQuiz(recipe)): MemoryPlan[] {
  return recipe.stages.map((stage) => {
    refuseLeast(leastBytes(recipe, stage, V), limits);
    const memory = memoryOf(programsOf(recipe, stage, V, stage.batch_size, limits, quiz), limits);
    refuseIfTooLarge(memory, limits);
    return memory;
  });
}

/**
 * What each stage of a run would allocate: a stage's memory is freed before the next one's is taken.
 * @param parent the checkpoint that the first stage names, whose model and vocabulary are then the run's
 * @throws NestlingError MEM_ESTIMATE
 */
export function planRecipe(recipe: Recipe, limits: DeviceLimits, parent: Pick<CheckpointManifest, "model" | "recipe"> | null): MemoryReport[] {
  const plans = parent
    ? refuseRecipe({ ...recipe, model: parent.model }, limits, parent.model.vocab_size, scoresQuiz(recipe, parent.recipe))
    : refuseRecipe(recipe, limits);
  return plans.map(memoryReport);
}

/**
 * Fewest bytes that a stage needs, without recording it: what is trained with its gradient and moments (SGD and Muon have one for all), and of each token in each layer
 * what attention's backward reads, the residual (C) and queries, keys and values (C and more). In f32.
 */
export function leastBytes(recipe: Recipe, stage: Stage, V: number): number {
  const parameters = parameterTable({ ...recipe.model, vocab_size: V }).reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const { n_layer, n_embd, block_size } = recipe.model;
  const copies = methodOf(stage).type !== "full" ? 1 : (stage.optimizer.type ?? "adamw") === "adamw" ? 4 : 3;
  return 4 * (parameters * copies + 2 * stage.batch_size * block_size * n_embd * n_layer);
}

const vocabularyOf = ({ tokenizer }: Recipe): number => (tokenizer.kind === "char" ? Math.min(CHARACTERS, tokenizer.vocab_size) : tokenizer.vocab_size);

/** The programs of one stage. */
export function programsOf(recipe: Pick<Recipe, "model">, stage: Stage, V: number, batchSize: number, limits: DeviceLimits, quiz: boolean): TrainingPrograms {
  const config = { ...recipe.model, vocab_size: V };
  return recordTraining({ config, ...shapeOf(stage, config), optimizer: stage.optimizer, batchSize, maxBindingBytes: limits.maxBindingBytes, quiz, ...(stage.dtype && { dtype: stage.dtype }) });
}

/**
 * Milliseconds of one step of `rows` rows: a few real steps on random tokens, in memory of their own, freed afterwards.
 * The first step warms caches and compilers up; the median of the rest is not moved by one hiccup.
 */
async function measureStep(device: Device, recipe: Recipe, rows: number, most: number, now: () => number, breathe: () => Promise<void>): Promise<number> {
  const stage = recipe.stages[0]!;
  const V = vocabularyOf(recipe);
  // One micro-step a step: accumulation only repeats it.
  const programs = programsOf(recipe, stage, V, rows, device.limits, false);
  const trainer = await Trainer.create(device, programs, { ...stage, batch_size: rows, gradient_accumulation_steps: 1 }, recipe.seed, randomSource(V, recipe.seed));
  try {
    trainer.initialise();
    await trainer.beginStage();
    const times: number[] = [];
    const from = now();
    while (times.length < most && (times.length < 2 || now() - from < BUDGET_MS)) {
      const start = now();
      trainer.takeStep();
      await trainer.readMetrics();
      times.push(now() - start);
      await breathe();
    }
    const sorted = times.slice(1).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)]!;
  } finally {
    trainer.destroy();
  }
}

/**
 * A batch that would take longer than the whole budget is measured by fewer rows: whoever looks at a large recipe on a small
 * machine wants to know that it takes hours, not to wait for the proof.
 * @throws NestlingError MEM_ESTIMATE where the recipe does not fit
 */
export async function calibrate(device: Device, recipe: Recipe, now: () => number, breathe: () => Promise<void>): Promise<Calibration> {
  const stage = recipe.stages[0]!;
  const [memory] = refuseRecipe(recipe, device.limits);
  const unit = rowsTogether(stage);
  const unitMs = await measureStep(device, recipe, unit, 2, now, breathe);
  const rows = unit * Math.max(1, Math.min(stage.batch_size / unit, Math.floor(BUDGET_MS / 3 / unitMs)));
  const measuredMs = rows === unit ? unitMs : await measureStep(device, recipe, rows, MOST_STEPS, now, breathe);
  const msPerToken = measuredMs / (rows * recipe.model.block_size);
  return {
    recipeName: recipe.name, tokensPerSec: 1000 / msPerToken, stepMs: msPerToken * stage.batch_size * recipe.model.block_size, memory: memoryReport(memory!),
    stageMs: recipe.stages.map((each) => each.max_iters * each.batch_size * each.gradient_accumulation_steps * recipe.model.block_size * msPerToken),
  };
}
