/** Suites of whole runs: a training step of each reference config, and answers drawn token by token. The trainer is the one that trains. */
import { NestlingError } from "../core/errors.ts";
import type { Device } from "../device/types.ts";
import type { BenchRow, Suite } from "../protocol/bench.ts";
import type { Dtype } from "../protocol/recipe.ts";
import type { VariantChoices } from "../plan/variants.ts";
import { FULL_MS } from "../training/pacing.ts";
import { RING_ROWS } from "../training/programs.ts";
import { Trainer } from "../training/trainer.ts";
import { referencePrograms, stepLaunches } from "./cases.ts";
import type { KernelBench } from "./kernel-rows.ts";
import { REFERENCE_BATCH, REFERENCE_CONFIGS, REFERENCE_LOSS, referenceSource, referenceStage, referenceWeights, type ReferenceName } from "./reference.ts";
import { speedOf } from "./roofline.ts";
import { apart, median, repeatsFor, spreadOf } from "./statistics.ts";

/** Steps until the loss is known that four other trainers agree on; their times are not taken. */
const CHECKED_STEPS = 5;
/** What those four differ by, ten times over. */
const LOSS_TOLERANCE = 2e-3;
/** In halves, relative: a few roundings of 2^-9 a number, which average out. */
const HALF_LOSS_TOLERANCE = 5e-3;
const NEW_TOKENS = 64;
const GATED_TOKENS = 8;

export const REFERENCES: readonly ReferenceName[] = ["tiny", "small"];

/** Operations of a step of `small` for one of `tiny`: eight times the weights' products and twice the tokens. */
const SMALL_TO_TINY = 16;

/** How long a whole suite of one training will take, by what the smaller one took; 0 while that is not known. Milliseconds. */
export function expectedWholeMs(suite: Suite, name: ReferenceName, rows: readonly BenchRow[], samples: number): number {
  const once = rows.find((row) => row.suite === suite && row.name === "tiny")?.median_ms;
  if (name === "tiny" || once === undefined) return 0;
  const steps = suite === "step" ? CHECKED_STEPS + samples : (samples + 1) * NEW_TOKENS;
  return SMALL_TO_TINY * once * steps;
}

/** The device, its submits counted. */
function counted(device: Device): { readonly device: Device; submits(): number } {
  let submits = 0;
  const proxy = new Proxy(device, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (name === "submit") {
        return (...args: Parameters<Device["submit"]>): void => {
          submits++;
          target.submit(...args);
        };
      }
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
  return { device: proxy, submits: () => submits };
}

async function trainerOf(device: Device, choices: VariantChoices, name: ReferenceName, text: Uint8Array, steps: number, dtype: Dtype = "float32"): Promise<Trainer> {
  const programs = referencePrograms(name, device.limits.maxBindingBytes, dtype);
  const trainer = await Trainer.create(device, programs, referenceStage(steps), 1, referenceSource(name, text, steps), { choices });
  trainer.loadWeights(referenceWeights(name));
  trainer.pace.limitMs = FULL_MS;
  return trainer;
}

/** @param text the reference text's bytes @throws NestlingError GPU_LOST, OUT_OF_MEMORY, CANCELLED */
export async function stepRow({ device, clock, peak, samples, choices }: KernelBench, name: ReferenceName, text: Uint8Array, dtype: Dtype = "float32"): Promise<BenchRow> {
  const watched = counted(device);
  const trainer = await trainerOf(watched.device, choices, name, text, CHECKED_STEPS + samples, dtype);
  try {
    const { block_size, n_layer, n_embd } = REFERENCE_CONFIGS[name];
    const launches = stepLaunches(trainer.programs);
    const row: Omit<BenchRow, "status"> = { suite: "step", name: dtype === "float32" ? name : `${name} ${dtype}`, shape: `layers ${n_layer}, width ${n_embd}, context ${block_size}, rows ${REFERENCE_BATCH}`, variant: `gpt2, ${dtype === "float32" ? "f32" : dtype}`, launches: launches.length, chosen: true };
    const tolerance = dtype === "float32" ? LOSS_TOLERANCE : HALF_LOSS_TOLERANCE * REFERENCE_LOSS[name];
    let loss = NaN;
    let stepMs = Infinity;
    for (let step = 0; step < CHECKED_STEPS; step++) {
      const from = clock.now();
      trainer.takeStep();
      loss = (await trainer.readMetrics()).at(-1)!.loss;
      stepMs = clock.now() - from;
      trainer.observeStep(stepMs);
      clock.check();
      await clock.breathe();
    }
    if (!(Math.abs(loss - REFERENCE_LOSS[name]) <= tolerance)) return { ...row, loss, status: `wrong: the loss at step ${CHECKED_STEPS} is ${loss.toFixed(4)}, other trainers have ${REFERENCE_LOSS[name]}` };
    const times: number[] = [];
    const before = watched.submits();
    const repeats = Math.min(RING_ROWS, repeatsFor(stepMs, clock.quantumMs));
    for (let i = 0; i < samples; i++) {
      const from = clock.now();
      for (let step = 0; step < repeats; step++) trainer.takeStep();
      await device.finished();
      times.push((clock.now() - from) / repeats);
      await trainer.readMetrics();
      clock.check();
      await clock.breathe();
    }
    const submits = (watched.submits() - before) / (samples * repeats);
    const work = { flops: 0, bytes: 0 };
    for (const { kernel, dims } of launches) {
      const cost = kernel.cost(Object.fromEntries(Object.keys(kernel.dims).map((dim, i) => [dim, dims[i]!])));
      work.flops += cost.flops;
      work.bytes += cost.bytes;
    }
    const ms = median(times);
    const every = (from: number): number[] => times.filter((_, i) => i % 2 === from);
    return {
      ...row, ...spreadOf(times), ...speedOf(work, ms, peak), submits, tokens_per_sec: (1000 * REFERENCE_BATCH * block_size) / ms, loss,
      noise: apart(median(every(0)), median(every(1))), status: "ok",
    };
  } finally {
    trainer.destroy();
  }
}

/** Tokens of the largest logit each: what follows from the weights alone. */
async function greedy(trainer: Trainer, prompt: readonly number[], count: number): Promise<number[]> {
  const ids: number[] = [];
  for await (const { tokens } of trainer.ask.generate([prompt], { temperature: 0, top_k: 0, top_p: 1, max_new_tokens: count, seed: 1 })) ids.push(tokens[0]!);
  return ids;
}

/** One answer at a time, as a person asks: a prompt read, then token after token. Gate: what the cache of keys and values led to is what reading the whole text anew leads to. */
export async function generationRow({ device, clock, samples, choices }: KernelBench, name: ReferenceName, text: Uint8Array): Promise<BenchRow> {
  const trainer = await trainerOf(device, choices, name, text, 1);
  try {
    const count = Math.min(NEW_TOKENS, REFERENCE_CONFIGS[name].block_size / 2);
    const row: Omit<BenchRow, "status"> = { suite: "generation", name, shape: `prompt 16, new tokens ${count}, rows 1`, variant: "gpt2, f32", chosen: true };
    const prompt = Array.from(text.subarray(0, 16));
    const cached = await greedy(trainer, prompt, GATED_TOKENS);
    for (let i = 0; i < GATED_TOKENS; i++) {
      const [anew] = await greedy(trainer, [...prompt, ...cached.slice(0, i)], 1);
      if (anew !== cached[i]) return { ...row, status: `wrong: token ${i + 1} is ${cached[i]} with the cache and ${anew} without` };
    }
    const times: number[] = [];
    for (let i = 0; i <= samples; i++) {
      const from = clock.now();
      let tokens = 0;
      for await (const drawn of trainer.ask.generate([text.subarray(i, i + 16)], { temperature: 1, top_k: 0, top_p: 1, max_new_tokens: count, seed: i })) {
        tokens++;
        void drawn;
      }
      if (tokens !== count) throw new NestlingError("PLAN", `${tokens} tokens came of ${count}.`);
      // The first one warms up.
      if (i > 0) times.push((clock.now() - from) / count);
      clock.check();
      await clock.breathe();
    }
    return { ...row, ...spreadOf(times), tokens_per_sec: 1000 / median(times), status: "ok" };
  } finally {
    trainer.destroy();
  }
}
