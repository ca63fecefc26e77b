/**
 * Promise 7, training's share: nothing leaks from later tokens or other documents, masked targets teach nothing, and what only
 * divides the work (accumulation, row tiles) changes no result. Generation and LoRA have files of their own.
 */
import { describe, expect, it } from "vitest";
import type { Batch, BatchSource } from "../../src/data/batch-types.ts";
import type { Trainer } from "../../src/training/trainer.ts";
import { allModels, always, differentBits, gradients, losses, microSource, microTrainer, models, relativeL2, roughWeights, T, unevenMasks, V, type MicroOptions } from "../support/micro.ts";

async function roughTrainer(open: () => Promise<Parameters<typeof microTrainer>[0]>, options: MicroOptions = {}): Promise<Trainer> {
  const trainer = await microTrainer(await open(), options);
  trainer.loadWeights(roughWeights(trainer.programs));
  return trainer;
}

const copy = (batch: Batch): Batch => ({ ...batch, ids: batch.ids.slice(), targets: batch.targets.slice(), mask: batch.mask.slice(), start: batch.start.slice(), pos: batch.pos.slice() });

/** One row as one document, or as two with a border. */
function row(border = 0): Batch {
  const batch = copy(microSource().train(0, 0, 1, T));
  for (let t = 0; t < T; t++) {
    batch.start[t] = t < border ? 0 : border;
    batch.pos[t] = t - batch.start[t]!;
  }
  return batch;
}

/** Rows of (T, V) that differ in any bit. */
function rowsThatDiffer(a: Float32Array, b: Float32Array): number[] {
  return Array.from({ length: T }, (_, t) => t).filter((t) => differentBits(a.subarray(t * V, (t + 1) * V), b.subarray(t * V, (t + 1) * V)) > 0);
}

const otherToken = (batch: Batch, t: number): Batch => {
  const changed = copy(batch);
  changed.ids[t] = (changed.ids[t]! + 11) % V;
  return changed;
};

async function stepGradients(trainer: Trainer): Promise<Map<string, Float32Array>> {
  trainer.takeStep();
  await trainer.readMetrics();
  return gradients(trainer);
}

/** Fails where any bit differs; returns how many elements were compared. */
function expectSameBits(got: ReadonlyMap<string, Float32Array>, want: ReadonlyMap<string, Float32Array>): number {
  let compared = 0;
  for (const [name, data] of want) {
    expect(differentBits(got.get(name)!, data), name).toBe(0);
    compared += data.length;
  }
  return compared;
}

describe.each(allModels)("on %s", (device, open, family) => {
  it("a token changes no bit before it, and one in another document none at all", async () => {
    const trainer = await roughTrainer(open, { family });
    const [whole, split] = [row(), row(13)];
    const before = await trainer.probabilities(whole);
    const leaks: number[] = [];
    for (const t of [1, 8, 14, 31]) {
      const differs = rowsThatDiffer(await trainer.probabilities(otherToken(whole, t)), before);
      leaks.push(differs.filter((at) => at < t).length);
      expect(differs, `token ${t} is seen by itself and by all after it`).toEqual(Array.from({ length: T - t }, (_, i) => t + i));
    }
    const apart = await trainer.probabilities(split);
    for (const t of [0, 12]) {
      const differs = rowsThatDiffer(await trainer.probabilities(otherToken(split, t)), apart);
      leaks.push(differs.filter((at) => at >= 13).length);
      expect(differs, `token ${t} stays in its document`).toEqual(Array.from({ length: 13 - t }, (_, i) => t + i));
    }
    trainer.destroy();
    console.info(`${device}: rows that leaked: ${leaks.join(", ")}`);
  });
});

describe.each(models)("on %s", (device, open, family) => {
  it("a document gives the same bits whatever stands before it in the row", async () => {
    const trainer = await roughTrainer(open, { family });
    const split = row(16);
    const alone = { ...row(), ids: new Uint32Array(T), pos: new Uint32Array(T) };
    // The second document moved to the front, padding behind it.
    alone.ids.set(split.ids.subarray(16));
    alone.pos.set(split.pos.subarray(16));
    const [there, here] = [await trainer.probabilities(split), await trainer.probabilities(alone)];
    trainer.destroy();
    const different = differentBits(there.subarray(16 * V), here.subarray(0, 16 * V));
    console.info(`${device}: ${different} of ${16 * V} probabilities differ`);
    expect(different).toBe(0);
  });

  it("a masked target changes no bit of any gradient, whatever it is, and a batch of nothing but one target learns from that alone", async () => {
    const batch = copy(unevenMasks(microSource()).train(0, 0, 2, T));
    const changed = copy(batch);
    let masked = 0;
    changed.mask.forEach((m, n) => {
      if (m === 0) changed.targets[n] = (changed.targets[n]! + 1 + (n % (V - 1))) % V;
      masked += 1 - m;
    });
    expect(masked).toBeGreaterThan(5);
    const found: Map<string, Float32Array>[] = [];
    for (const fed of [batch, changed]) {
      const trainer = await roughTrainer(open, { family, source: always(fed) });
      found.push(await stepGradients(trainer));
      trainer.destroy();
    }
    const compared = expectSameBits(found[1]!, found[0]!);

    const one = copy(batch);
    one.mask.fill(0).fill(1, 5, 6);
    one.tokens = 1;
    // The rows of a table that only the input reads: GPT-2's positions; in Llama, which has none, the tokens, with a head of its own.
    const [table, model, rowOf] = family === "gpt2"
      ? ["transformer.wpe.weight", {}, (t: number) => one.pos[t]!] as const
      : ["model.embed_tokens.weight", { tie_word_embeddings: false }, (t: number) => one.ids[t]!] as const;
    const trainer = await roughTrainer(open, { family, model, source: always(one) });
    const gradient = (await stepGradients(trainer)).get(table)!;
    trainer.destroy();
    // Target 5 is predicted from tokens of its document up to 5; every other row must stay exactly 0.
    const touched = Array.from({ length: gradient.length / 32 }, (_, t) => t).filter((t) => gradient.subarray(t * 32, (t + 1) * 32).some((x) => x !== 0));
    console.info(`${device}: ${masked} targets changed, 0 of ${compared} gradients differ; one target reaches rows ${touched.join(" ")} of ${table}`);
    const reached = [...new Set(Array.from({ length: 6 }, (_, t) => t).filter((t) => t >= one.start[5]!).map(rowOf))].sort((a, b) => a - b);
    expect(touched).toEqual(reached);
  });

  it("one micro-batch of 4 rows and four of 1, unevenly masked, give the same gradient and loss to 1e-5", async () => {
    const whole = unevenMasks(microSource()).train(3, 0, 4, T);
    const part = (micro: number): Batch => {
      const cut = <A extends Uint32Array | Float32Array>(data: A): A => data.slice(micro * T, (micro + 1) * T) as A;
      const mask = cut(whole.mask);
      return { B: 1, T, ids: cut(whole.ids), targets: cut(whole.targets), pos: cut(whole.pos), start: cut(whole.start), mask, tokens: mask.reduce((a, b) => a + b) };
    };
    const quarters: BatchSource = { ...always(whole), train: (_, micro) => part(micro) };
    const tokens = [0, 1, 2, 3].map((micro) => part(micro).tokens);
    expect(new Set(tokens).size).toBeGreaterThan(1);
    const results: { gradient: Map<string, Float32Array>; loss: number; targets: number }[] = [];
    for (const [source, batch_size, micros] of [[always(whole), 4, 1], [quarters, 1, 4]] as const) {
      const trainer = await roughTrainer(open, { family, source, stage: { batch_size, gradient_accumulation_steps: micros } });
      trainer.takeStep();
      const [metrics] = await trainer.readMetrics();
      results.push({ gradient: await gradients(trainer), loss: metrics!.loss, targets: metrics!.targets });
      trainer.destroy();
    }
    const [one, four] = results as [typeof results[0], typeof results[0]];
    const worst = Math.max(...[...one.gradient].map(([name, want]) => relativeL2(four.gradient.get(name)!, want)));
    console.info(`${device}: gradients within ${worst.toExponential(1)}, losses ${one.loss} and ${four.loss}, ${tokens.join(" + ")} targets`);
    expect(worst).toBeLessThanOrEqual(1e-5);
    expect(Math.abs(four.loss / one.loss - 1)).toBeLessThanOrEqual(1e-6);
    expect(four.targets).toBe(whole.tokens);
  });

  it("a tied embedding's gradient is the sum of an untied model's two", async () => {
    const name = family === "gpt2" ? "transformer.wte.weight" : "model.embed_tokens.weight";
    const source = always(microSource().train(2, 0, 2, T));
    const found: Map<string, Float32Array>[] = [];
    for (const tied of [true, false]) {
      const trainer = await microTrainer(await open(), { family, source, model: { tie_word_embeddings: tied } });
      const weights = roughWeights(trainer.programs);
      trainer.loadWeights(new Map([...weights, ["lm_head.weight", weights.get(name)!]]));
      found.push(await stepGradients(trainer));
      trainer.destroy();
    }
    const [tied, untied] = found as [Map<string, Float32Array>, Map<string, Float32Array>];
    const [table, head] = [untied.get(name)!, untied.get("lm_head.weight")!];
    const worst = relativeL2(tied.get(name)!, table.map((x, i) => x + head[i]!));
    console.info(`${device}: within ${worst.toExponential(1)}; either use alone is off by ${relativeL2(table, tied.get(name)!).toFixed(2)} and ${relativeL2(head, tied.get(name)!).toFixed(2)}`);
    expect(worst).toBeLessThanOrEqual(1e-6);
    expect(relativeL2(table, tied.get(name)!)).toBeGreaterThan(0.1);
    expect(relativeL2(head, tied.get(name)!)).toBeGreaterThan(0.1);
  });

  it("a head in many row tiles gives what one tile gives, to 1e-6", async () => {
    const source = always(unevenMasks(microSource()).train(2, 0, 8, T));
    const results: { gradient: Map<string, Float32Array>; loss: number; held: number; tiles: number }[] = [];
    for (const maxBindingBytes of [2 ** 27, 40_000]) {
      const trainer = await roughTrainer(open, { family, source, stage: { batch_size: 8 }, maxBindingBytes });
      const tiles = trainer.programs.recordings[0]!.launches.filter(({ kernel }) => kernel.name === "crossEntropy").length;
      const held = await trainer.evaluate(source, 1);
      const [loss] = await losses(trainer, 1);
      results.push({ gradient: await gradients(trainer), loss: loss!, held, tiles });
      trainer.destroy();
    }
    const [one, many] = results as [typeof results[0], typeof results[0]];
    const worst = Math.max(...[...one.gradient].map(([name, want]) => relativeL2(many.gradient.get(name)!, want)));
    console.info(`${device}: ${many.tiles} tiles instead of ${one.tiles}: gradients within ${worst.toExponential(1)}, losses ${one.loss} and ${many.loss}, held-out ${one.held} and ${many.held}`);
    expect([one.tiles, many.tiles]).toEqual([1, 2]);
    expect(worst).toBeLessThanOrEqual(1e-6);
    expect(Math.abs(many.loss / one.loss - 1)).toBeLessThanOrEqual(1e-6);
    expect(Math.abs(many.held / one.held - 1)).toBeLessThanOrEqual(1e-6);
  });

  it("dropout of 0 is no dropout to the last bit, and dropout of 0.3 is another in every micro-step", async () => {
    const source = microSource();
    const run = async (dropout: number): Promise<number[]> => {
      const trainer = await microTrainer(await open(), { family, source, model: { dropout } });
      const found = await losses(trainer, 3);
      const launches = trainer.programs.recordings[0]!.launches.filter(({ kernel }) => kernel.name === "dropout").length;
      trainer.destroy();
      return [...found, launches];
    };
    const [none, off, on] = [await run(0), await run(0), await run(0.3)];
    expect(off).toEqual(none);
    expect(none[3]).toBe(0);
    expect(on[3]).toBe(6);

    const batch = source.train(0, 0, 2, T);
    const trainer = await roughTrainer(open, { family, source: always(batch), model: { dropout: 0.3 }, optimizer: { learning_rate: 0, warmup_iters: 0, schedule: "constant" } });
    const draws = await losses(trainer, 3);
    const looked = [await trainer.evaluate(always(batch), 1), await trainer.evaluate(always(batch), 1)];
    trainer.destroy();
    console.info(`${device}: losses of the same weights on the same batch under dropout: ${draws.map((x) => x.toFixed(4)).join(", ")}; evaluated: ${looked.map((x) => x.toFixed(4)).join(", ")}`);
    expect(new Set(draws).size).toBe(3);
    expect(looked[0]).toBe(looked[1]);
  });
});
