/** What later stages add to a trainer, over several steps with the optimizer: preferences are learned, pulls hold, parts stay frozen, and a resumed stage has the same bits. */
import { describe, expect, it } from "vitest";
import { PreferenceBatches, type PreferencePair } from "../../src/data/preference-batches.ts";
import { trainChar } from "../../src/data/tokenizer/index.ts";
import { trainedNames } from "../../src/model/transformer.ts";
import type { PretrainStage } from "../../src/protocol/recipe.ts";
import { memoryOf, Trainer } from "../../src/training/trainer.ts";
import { losses, microConfigOf, microOptimizer, microPrograms, microSource, microTrainer, wasmCpu, weightsHash, webGpu, type MicroOptions } from "../support/micro.ts";

const tokenizer = trainChar(["abcdefghijklmnopqrstuvwxyz 0123456789?.,ABCDEFGHIJKLMNOP"], { vocabSize: 65 });
const pairs: PreferencePair[] = Array.from({ length: 40 }, (_, i) => ({ prompt: [{ role: "user", content: `what is ${i}?` }], chosen: "a fine day", rejected: "zz zz zz" }));
const preferences = (): PreferenceBatches => new PreferenceBatches(tokenizer, pairs, { seed: 1, T: 32 });
const dpo: MicroOptions = { model: { vocab_size: tokenizer.vocabSize }, stage: { batch_size: 4 }, optimizer: { learning_rate: 3e-3, weight_decay: 0 }, shape: { objective: { kind: "preference", beta: 0.3, alpha: 0.1 } } };

async function dpoTrainer(): Promise<Trainer> {
  const trainer = await microTrainer(await wasmCpu(), { ...dpo, source: preferences() });
  await trainer.beginStage();
  return trainer;
}

describe("a stage of preferences", () => {
  it("begins at log 2 with nothing preferred, and comes to prefer what was chosen, also in pairs that it never saw", async () => {
    const trainer = await dpoTrainer();
    const before = await trainer.validate(2);
    // The chosen answer's likelihood is added to log 2.
    expect(before.loss).toBeGreaterThan(Math.LN2);
    const untrained = await trainer.evaluate(microLike(preferences()), 2);
    expect(before.loss - Math.LN2).toBeCloseTo(0.1 * untrained, 4);
    expect(before.preferred).toBe(0);
    const seen = await losses(trainer, 40);
    const after = await trainer.validate(2);
    expect(seen.at(-1)!).toBeLessThan(0.5 * seen[0]!);
    expect(after.preferred).toBe(1);
    expect(after.loss).toBeLessThan(0.5 * before.loss);
    trainer.destroy();
  });

  it("goes on from its checkpoint with the same losses and weights, without the parent, and is refused without the reference", async () => {
    const unbroken = await dpoTrainer();
    await losses(unbroken, 7);
    const saved = await unbroken.snapshot(true);
    expect([...saved.held!.keys()]).toEqual(["reference"]);
    const want = await losses(unbroken, 9);
    const resumed = await microTrainer(await wasmCpu(), { ...dpo, source: preferences(), seed: 9 });
    resumed.restore(saved);
    expect(await losses(resumed, 9)).toEqual(want);
    expect(weightsHash(await resumed.snapshot(false))).toBe(weightsHash(await unbroken.snapshot(false)));
    const { held: _, ...without } = saved;
    expect(() => resumed.restore(without)).toThrow(/CKPT_MISMATCH.*holds 0 numbers of reference, and 80 are needed/);
    resumed.restore({ ...saved, held: new Map([["reference", saved.held!.get("reference")!.map((x) => x - 1)]]) });
    // The same for both answers would cancel out.
    const shifted = new Map([["reference", saved.held!.get("reference")!.map((x, i) => x - (i % 2))]]);
    resumed.restore({ ...saved, held: shifted });
    expect(await losses(resumed, 1)).not.toEqual(want.slice(0, 1));
    for (const trainer of [unbroken, resumed]) trainer.destroy();
  });
});

/** Only the chosen rows, twice: what cross-entropy sees of them. */
function microLike(source: PreferenceBatches): ReturnType<typeof microSource> {
  const chosen = (index: number, B: number, T: number): ReturnType<PreferenceBatches["train"]> => {
    const batch = source.evaluate(index, B, T);
    for (let n = 0; n < B * T; n++) if (Math.floor(n / T) % 2 === 1) batch.mask[n] = 0;
    return batch;
  };
  return { ...microSource(), evaluate: chosen };
}

/** Distance of the weights from where a stage began. */
const moved = (from: ReadonlyMap<string, { data: Float32Array }>, to: ReadonlyMap<string, { data: Float32Array }>): number =>
  Math.sqrt([...from].reduce((sum, [name, { data }]) => sum + data.reduce((s, w, i) => s + (w - to.get(name)!.data[i]!) ** 2, 0), 0));

describe("what holds a model to its parent", () => {
  const after = async (options: MicroOptions): Promise<{ distance: number; kl: number; loss: number }> => {
    const trainer = await microTrainer(await wasmCpu(), options);
    await trainer.beginStage();
    const before = (await trainer.snapshot(false)).weights;
    const row = microSource(7).evaluate(0, 1, 32);
    const p = await trainer.probabilities(row);
    const seen = await losses(trainer, 30);
    const q = await trainer.probabilities(row);
    const { weights } = await trainer.snapshot(false);
    trainer.destroy();
    return { distance: moved(before, weights), kl: p.reduce((sum, x, i) => sum + x * Math.log(x / q[i]!), 0) / 32, loss: seen.at(-1)! };
  };

  it("keeps predictions near with KL, weights near with L2, the nearer the heavier, at the price of learning less", async () => {
    const free = await after({});
    const [kl, heavyKl] = [await after({ shape: { objective: { kind: "next-token", klWeight: 1 } } }), await after({ shape: { objective: { kind: "next-token", klWeight: 20 } } })];
    expect([kl.kl < 0.7 * free.kl, heavyKl.kl < 0.2 * kl.kl]).toEqual([true, true]);
    expect(heavyKl.loss).toBeGreaterThan(free.loss);
    const [l2, heavyL2] = [await after({ shape: { l2Weight: 0.01 } }), await after({ shape: { l2Weight: 1 } })];
    expect([l2.distance < free.distance, heavyL2.distance < 0.5 * l2.distance]).toEqual([true, true]);
    expect(heavyL2.loss).toBeGreaterThan(free.loss);
  });

  it.each([["bfloat16", {}], ["float16", {}], ["bfloat16", { family: "llama" }]] as const)("holds in %s too, near what float32 does", async (dtype, more) => {
    const held: MicroOptions = { ...more, shape: { objective: { kind: "next-token", klWeight: 5 }, l2Weight: 0.01 } };
    const [short, plain] = [await after({ ...held, dtype }), await after(held)];
    const free = await after({ ...more, dtype });
    expect(Math.abs(short.kl - plain.kl)).toBeLessThan(0.2 * plain.kl);
    expect(short.kl).toBeLessThan(0.5 * free.kl);
  });

  it("pulls what Muon and SGD move as well, whose arenas lie otherwise", async () => {
    for (const type of ["muon", "sgd"] as const) {
      const optimizer: MicroOptions["optimizer"] = { type, learning_rate: type === "sgd" ? 0.1 : 1e-2 };
      const [free, pulled] = [await after({ optimizer }), await after({ optimizer, shape: { l2Weight: 3 } })];
      expect(pulled.distance).toBeLessThan(0.8 * free.distance);
      const kl = await after({ optimizer, shape: { objective: { kind: "next-token", klWeight: 20 } } });
      expect(kl.kl).toBeLessThan(0.5 * free.kl);
    }
  });

  it("goes on from a checkpoint bit for bit with the parent's weights out of it", async () => {
    const options: MicroOptions = { model: { dropout: 0.1 }, shape: { objective: { kind: "next-token", klWeight: 1 }, l2Weight: 0.1 } };
    const unbroken = await microTrainer(await wasmCpu(), options);
    await unbroken.beginStage();
    await losses(unbroken, 5);
    const saved = await unbroken.snapshot(true);
    expect(saved.held!.size).toBe(unbroken.programs.parameters.specs.length);
    const want = await losses(unbroken, 5);
    const resumed = await microTrainer(await wasmCpu(), { ...options, seed: 1 });
    resumed.restore(saved);
    expect(await losses(resumed, 5)).toEqual(want);
    for (const trainer of [unbroken, resumed]) trainer.destroy();
  });
});

describe("a part of a model", () => {
  const model = { n_layer: 2, tie_word_embeddings: false } as const;
  const config = microConfigOf("gpt2", model);
  const partOf = (part: "embeddings" | number): MicroOptions => ({ model, shape: { trains: trainedNames(config, part) } });

  it.each([["the last block", 1], ["the embeddings", "embeddings"]] as const)("%s trains alone: nothing else moves a bit, on both devices", async (_, part) => {
    for (const open of [wasmCpu, webGpu]) {
      const trainer = await microTrainer(await open(), partOf(part));
      const before = (await trainer.snapshot(false)).weights;
      await losses(trainer, 3);
      const state = await trainer.snapshot(true);
      const changed = [...state.weights].filter(([name, { data }]) => data.some((w, i) => w !== before.get(name)!.data[i]!)).map(([name]) => name);
      expect(new Set(changed)).toEqual(trainedNames(config, part));
      expect(new Set(state.m.keys())).toEqual(trainedNames(config, part));
      trainer.destroy();
    }
  });

  it("takes less memory and work than all of it: LoRA and the last block by so much", () => {
    const cost = (options: MicroOptions): { bytes: number; flops: number; launches: number } => {
      const programs = microPrograms({ ...options, model: { ...model, n_layer: 4, n_embd: 64 } });
      return { bytes: memoryOf(programs).totalBytes, flops: programs.flopsPerMicro, launches: programs.recordings[0]!.launches.length };
    };
    const four = microConfigOf("gpt2", { ...model, n_layer: 4, n_embd: 64 });
    const [full, last, lora] = [cost({}), cost({ shape: { trains: trainedNames(four, 1) } }), cost({ lora: { type: "lora", r: 8, lora_alpha: 16, target_modules: ["c_attn"] } })];
    console.info(`of all weights: the last block ${(last.bytes / full.bytes).toFixed(2)} of the memory and ${(last.flops / full.flops).toFixed(2)} of the work; LoRA of rank 8 on c_attn ${(lora.bytes / full.bytes).toFixed(2)} and ${(lora.flops / full.flops).toFixed(2)}`);
    expect(last.bytes).toBeLessThan(0.7 * full.bytes);
    expect(last.flops).toBeLessThan(0.7 * full.flops);
    expect(lora.bytes).toBeLessThan(0.8 * full.bytes);
    expect(lora.flops).toBeLessThan(0.9 * full.flops);
  });
});

it("a stage that has no pairs says so before its first step", async () => {
  const stage: PretrainStage = { kind: "pretrain", name: "pairs", data: [], max_iters: 2, batch_size: 2, gradient_accumulation_steps: 1, optimizer: microOptimizer, eval_interval: 0, eval_iters: 1 };
  const trainer = await Trainer.create(await wasmCpu(), microPrograms({ shape: { objective: { kind: "preference", beta: 1, alpha: 0 } } }), stage, 1, microSource());
  await expect(trainer.beginStage()).rejects.toThrow(/CONFIG_RANGE.*data without pairs of answers/);
  trainer.destroy();
});
