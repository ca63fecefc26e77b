/**
 * Promise 6: a run that is saved, forgotten and resumed goes on bit for bit: fifty losses and the final weights are those of the
 * unbroken run. Through the checkpoint's bytes and back; killing processes is tests/e2e.
 */
import { describe, expect, it } from "vitest";
import { trainChar } from "../../src/data/index.ts";
import { momentNames, savedPoint, type SavedPoint } from "../../src/engine/run-files.ts";
import { COUNTS } from "../../src/kernels/step-block.ts";
import { presets } from "../../src/protocol/presets.ts";
import { decodeCheckpoint, encodeCheckpoint, type CheckpointFacts, type CheckpointManifest, type Tensor } from "../../src/store/index.ts";
import { learningRate } from "../../src/training/schedule.ts";
import type { Trainer, TrainerState } from "../../src/training/trainer.ts";
import { losses, microConfigOf, microOptimizer, microSource, microTrainer, models, unevenMasks, weightsHash, type MicroOptions } from "../support/micro.ts";

/** Mid-epoch (62.5 steps of 2 x 32 x 2 tokens see the text twice), within the schedule's fall. */
const SAVED_AT = 23;
const MORE = 50;

const options: MicroOptions = {
  model: { dropout: 0.2 }, stage: { gradient_accumulation_steps: 2, max_iters: 80 }, optimizer: { grad_clip: 1.2 },
  source: unevenMasks(microSource()),
};

const tensors = (shapes: TrainerState["weights"], data: ReadonlyMap<string, Float32Array>): Map<string, Tensor> =>
  new Map([...data].map(([name, values]) => [name, { shape: shapes.get(name)!.shape, data: values }]));

/** The checkpoint's bytes and manifest as a run writes them, read again. */
async function throughBytes(trainer: Trainer): Promise<SavedPoint & Pick<CheckpointManifest, "variants">> {
  const state = await trainer.snapshot(true);
  const facts: CheckpointFacts = {
    runId: "run", parentId: null, parentKey: null, name: "micro", stage: { index: 0, kind: "pretrain", name: "micro", finished: false },
    step: state.step, globalStep: state.step, tokens: 0, trainMs: 0, recipe: presets[0]!, model: microConfigOf(trainer.programs.config.family, { dropout: 0.2 }),
    tokenizer: trainChar(["abc"], { vocabSize: 65 }).toHuggingFace(), dataHash: trainer.data.hash, seed: 1, engineVersion: "test", device: {}, variants: trainer.plan.choices,
    metrics: {}, metricsOffset: 0, lora: null,
    resume: {
      ...momentNames(state), optimizerSteps: state.counts[COUNTS.t]!, schedule: { iteration: state.step }, lossScale: 1,
      goodSteps: state.counts[COUNTS.goodSteps]!, skippedSteps: 0, seed: 1, cursor: { step: state.step, micro: 0 },
    },
  };
  const weights = new Map([...state.weights].map(([name, tensor]) => [name, { ...tensor }]));
  const { bytes, manifest } = encodeCheckpoint({ facts, weights, moments: { m: tensors(state.weights, state.m), v: tensors(state.weights, state.v) } }, { id: "saved", createdMs: 0 });
  return { ...savedPoint(decodeCheckpoint(manifest, bytes))!, variants: manifest.variants };
}

const optimizers: readonly [name: string, change: NonNullable<MicroOptions["optimizer"]>][] = [
  ["AdamW", {}],
  ["SGD", { type: "sgd", learning_rate: 0.1 }],
  ["Muon and wsd", { type: "muon", learning_rate: 2e-2, adam_learning_rate: 5e-3, schedule: "wsd", decay_iters: 58 }],
];

describe.each(models)("a run on %s", (name, open, family) => {
  it.each(optimizers)(`with %s that is saved at step ${SAVED_AT} and resumed gives the same ${MORE} losses and the same weights, bit for bit`, async (_, change) => {
    const device = await open();
    const optimizer = { ...microOptimizer, ...options.optimizer, ...change };
    const unbroken = await microTrainer(device, { ...options, optimizer, family });
    await losses(unbroken, SAVED_AT);
    const saved = await throughBytes(unbroken);
    const want = await losses(unbroken, MORE);
    const wantState = await unbroken.snapshot(true);
    unbroken.destroy();

    const resumed = await microTrainer(device, { ...options, optimizer, family, compile: { choices: saved.variants } });
    // Two steps of its own first: whatever is not restored shows.
    await losses(resumed, 2);
    resumed.restore(saved.state);
    const got = await losses(resumed, MORE);
    const gotState = await resumed.snapshot(true);
    resumed.destroy();

    const same = got.filter((loss, i) => Object.is(loss, want[i])).length;
    console.info(`${name}, ${optimizer.type ?? "adamw"}: ${same} of ${MORE} losses equal; weights ${weightsHash(gotState).slice(0, 16)} and ${weightsHash(wantState).slice(0, 16)}`);
    expect(got).toEqual(want);
    expect(weightsHash(gotState)).toBe(weightsHash(wantState));
    expect(gotState.m).toEqual(wantState.m);
    expect(gotState.v).toEqual(wantState.v);
    expect(gotState.counts).toEqual(wantState.counts);
    expect(gotState.step).toBe(SAVED_AT + MORE);
    // The comparison would see a difference: rate and masks change from step to step.
    expect(new Set(want).size).toBe(MORE);
    expect(learningRate(optimizer, SAVED_AT, 80)).not.toBe(learningRate(optimizer, SAVED_AT + 1, 80));
  });

  it("that is resumed without its moments is refused, and with those of another step goes another way", async () => {
    const device = await open();
    const trainer = await microTrainer(device, { ...options, family });
    await losses(trainer, 3);
    const state = await trainer.snapshot(true);
    const [want] = await losses(trainer, 1);
    trainer.restore(state);
    expect((await losses(trainer, 1))[0]).toBe(want);
    const after = weightsHash(await trainer.snapshot(false));
    trainer.restore({ ...state, v: new Map([...state.v].map(([tensor, data]) => [tensor, data.map((x) => 2 * x)])) });
    await losses(trainer, 1);
    const changed = weightsHash(await trainer.snapshot(false));
    expect(() => trainer.restore({ ...state, m: new Map() })).toThrow(/CKPT_MISMATCH.*has no optimizer state/);
    trainer.destroy();
    console.info(`${name}: moments doubled lead to ${changed.slice(0, 8)} instead of ${after.slice(0, 8)}`);
    expect(changed).not.toBe(after);
  });
});
