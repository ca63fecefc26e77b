/** Promise 8 at the smallest size: it begins where theory says, it can learn a batch by heart, and it finds nothing where nothing is. */
import { describe, expect, it } from "vitest";
import { Draws } from "../../src/core/random.ts";
import { TextBatches } from "../../src/data/batches.ts";
import { always, losses, microConfig, microSource, microTrainer, models, T, V } from "../support/micro.ts";

const LN_V = Math.log(V);

describe.each(models)("a fresh model on %s", (device, open, family) => {
  it.each([32, 128])("of %i channels begins at ln V + s^2/2, its logits' half variance, within 0.05", async (n_embd) => {
    const source = microSource();
    // A tied Llama would begin by naming the token it reads: with no position added, its last state is that token's embedding.
    const trainer = await microTrainer(await open(), { family, model: { n_embd, n_head: n_embd / 16, tie_word_embeddings: family === "gpt2" }, source });
    const loss = await trainer.evaluate(source, 4);
    trainer.destroy();
    // Final hidden states have unit variance, the head is N(0, 0.02): a logit's variance is n_embd 0.02^2.
    const expected = LN_V + (n_embd * 0.02 ** 2) / 2;
    console.info(`${device}, ${n_embd} channels: ${loss.toFixed(4)}, expected ${expected.toFixed(4)}`);
    expect(Math.abs(loss - expected)).toBeLessThanOrEqual(0.05);
  });

  it("learns one batch by heart: below 0.05 within 300 steps", async () => {
    const drawn = microSource().train(0, 0, 2, T);
    // As one document a row: two documents that begin alike could not both be known.
    const batch = { ...drawn, start: new Uint32Array(2 * T), pos: drawn.pos.map((_, n) => n % T) };
    batch.ids[T] = 5;
    const trainer = await microTrainer(await open(), {
      family, source: always(batch), stage: { max_iters: 300 }, optimizer: { learning_rate: 1e-2, weight_decay: 0, warmup_iters: 10 },
    });
    let [step, loss] = [0, Infinity];
    for (; step < 300 && !(loss < 0.05); step += 10) loss = (await losses(trainer, 10)).at(-1)!;
    trainer.destroy();
    console.info(`${device}: ${loss.toFixed(4)} after ${step} steps`);
    expect(loss).toBeLessThan(0.05);
  });

  it("finds nothing in uniform noise: held out never below ln V - 0.01, however long it trains", async () => {
    const draws = new Draws(4, "world", { site: "noise" });
    const noise = (length: number): { tokens: Uint32Array; documentStarts: Uint32Array } =>
      ({ tokens: Uint32Array.from({ length }, () => draws.nextInt(V)), documentStarts: new Uint32Array(0) });
    const source = new TextBatches({ train: noise(2000), validation: noise(6000), hash: "noise" }, { seed: 1 });
    const trainer = await microTrainer(await open(), { family, source, stage: { max_iters: 100 } });
    const held: number[] = [];
    let last = 0;
    for (let step = 0; step < 100; step += 20) {
      last = (await losses(trainer, 20)).at(-1)!;
      held.push(await trainer.evaluate(source, 20));
    }
    trainer.destroy();
    console.info(`${device}: held out ${held.map((x) => x.toFixed(3)).join(", ")} where ln V is ${LN_V.toFixed(3)}; training loss ${last.toFixed(3)} with ${microConfig.n_embd} channels`);
    expect(Math.min(...held)).toBeGreaterThanOrEqual(LN_V - 0.01);
  });
});
