/** Promise 7, generation's share: decoding with the KV cache is the full forward pass, past `block_size` and for ragged rows too. */
import { describe, expect, it } from "vitest";
import type { Batch } from "../../src/data/batch-types.ts";
import { emptyBatch } from "../../src/data/batch-types.ts";
import type { SamplingSettings } from "../../src/model/generator.ts";
import type { Trainer } from "../../src/training/trainer.ts";
import { losses, microTrainer, models, roughWeights, T, V, type MicroOptions } from "../support/micro.ts";

const GREEDY: SamplingSettings = { temperature: 0, top_k: 0, top_p: 1, max_new_tokens: 256, seed: 1 };

/** Rough weights, then a few steps: sharp attention, and a language to speak. */
async function speaker(open: () => Promise<Parameters<typeof microTrainer>[0]>, options: MicroOptions = {}): Promise<Trainer> {
  const trainer = await microTrainer(await open(), { ...options });
  trainer.loadWeights(roughWeights(trainer.programs));
  await losses(trainer, 5);
  return trainer;
}

/** Probabilities of the token after `context`, by the full pass. */
async function fullPass(trainer: Trainer, context: readonly number[]): Promise<Float32Array> {
  const row: Batch = emptyBatch(1, T);
  row.ids.set(context);
  row.pos.set(row.pos.map((_, t) => t));
  return (await trainer.probabilities(row)).subarray((context.length - 1) * V, context.length * V);
}

/** What the model is asked about: all of the context, or its last half once it would be longer than `block_size`. */
const kept = (context: readonly number[]): { context: readonly number[]; shifted: boolean } =>
  context.length > T ? { context: context.slice(-T / 2), shifted: true } : { context, shifted: false };

const argmax = (values: Float32Array): number => values.reduce((best, p, v) => (p > values[best]! ? v : best), 0);

describe.each(models)("generation on %s", (device, open, family) => {
  it("says the same 256 greedy tokens as the full pass on the same context, through every shift of it", async () => {
    const trainer = await speaker(open, { family });
    let context: readonly number[] = [3, 16, 55];
    let [equal, shifts, least] = [0, 0, 1];
    for await (const { tokens, shifted } of trainer.ask.generate([context.slice()], GREEDY)) {
      const asked = kept(context);
      expect(shifted).toBe(asked.shifted);
      const probs = await fullPass(trainer, asked.context);
      const [first, second] = [...probs].sort((a, b) => b - a) as [number, number];
      least = Math.min(least, first - second);
      equal += argmax(probs) === tokens[0] ? 1 : 0;
      shifts += shifted ? 1 : 0;
      context = [...asked.context, tokens[0]!];
    }
    trainer.destroy();
    console.info(`${device}: ${equal} of 256 greedy tokens equal, ${shifts} shifts, the closest call won by ${least.toExponential(1)}`);
    expect(equal).toBe(256);
    expect(shifts).toBe(Math.floor((256 - (T - 3) - 1) / (T / 2 + 1)) + 1);
  });

  it("gives each sampled token the full pass's probability, to 1e-4 in its logarithm", async () => {
    const trainer = await speaker(open, { family });
    let context: readonly number[] = [60];
    let worst = 0;
    const seen = new Set<number>();
    for await (const { tokens, probs } of trainer.ask.generate([context.slice()], { temperature: 1, top_k: 0, top_p: 1, max_new_tokens: 80, seed: 3 })) {
      const asked = kept(context).context;
      worst = Math.max(worst, Math.abs(Math.log(probs[0]! / (await fullPass(trainer, asked))[tokens[0]!]!)));
      seen.add(tokens[0]!);
      context = [...asked, tokens[0]!];
    }
    trainer.destroy();
    console.info(`${device}: log-probabilities within ${worst.toExponential(1)} over 80 tokens, ${seen.size} different ones`);
    expect(worst).toBeLessThanOrEqual(1e-4);
    expect(seen.size).toBeGreaterThan(10);
  });

  it("answers ten ragged prompts at once as it answers each alone", async () => {
    const trainer = await speaker(open, { family, quiz: true });
    const prompts = Array.from({ length: 10 }, (_, i) => Array.from({ length: 1 + 2 * i }, (__, k) => (5 * i + 7 * k) % V));
    const settings = { ...GREEDY, max_new_tokens: 10 };
    const together: number[][] = prompts.map(() => []);
    for await (const { tokens } of trainer.quiz!.generate(prompts, settings)) together.forEach((row, i) => row.push(tokens[i]!));
    const alone: number[][] = [];
    for (const prompt of prompts) {
      const row: number[] = [];
      for await (const { tokens } of trainer.ask.generate([prompt], settings)) row.push(tokens[0]!);
      alone.push(row);
    }
    trainer.destroy();
    console.info(`${device}: ${together.filter((row, i) => row.join() === alone[i]!.join()).length} of 10 prompts of 1 to 19 tokens continue alike`);
    expect(together).toEqual(alone);
    expect(new Set(together.map(String)).size).toBeGreaterThan(3);
  });
});
