/**
 * Promise 10: NaN or an infinity anywhere (weights, activations, gradients, inputs) stops training within ten steps, names the
 * first bad tensor, and leaves every weight at the bits it had. Through the engine: nonfinite-engine.test.ts.
 */
import { describe, expect, it } from "vitest";
import { NestlingError } from "../../src/core/errors.ts";
import type { Batch, BatchSource } from "../../src/data/batch-types.ts";
import { written } from "../../src/plan/recorder.ts";
import type { Tensor } from "../../src/plan/tensor.ts";
import type { Trainer } from "../../src/training/trainer.ts";
import { always, hashOf, losses, microSource, microTrainer, models, T, weightsHash, type MicroOptions } from "../support/micro.ts";
import { tamper, type TamperedDevice } from "../support/tampered-device.ts";

const NAN = 0x7fc00000;
const INFINITY = 0x7f800000;
const name = (word: number): string => (word === NAN ? "NaN" : "Infinity");

/**
 * Copies kept for the backward pass alone: an infinity that stands only there has a finite limit (a probability of 0, a slope of
 * 0 or 1). Arithmetic cannot leave one there without one in the layer's output too, and that is seen.
 */
const FINITE_LIMIT = /\.(lse|pre)$/;
/** The loss is not on the way to any gradient: the step was taken, with finite gradients, before anybody saw. */
const LOSS = /loss/;

async function open(device: () => Promise<Parameters<typeof microTrainer>[0]>, options: MicroOptions = {}): Promise<{ trainer: Trainer; device: TamperedDevice }> {
  const tampered = tamper(await device());
  return { trainer: await microTrainer(tampered, options), device: tampered };
}

/** Ten steps in flight, as the engine has at most; the error that reading them ends in. */
async function errorOf(trainer: Trainer, steps: number, where = "a fault"): Promise<NestlingError> {
  try {
    for (let step = 0; step < steps; step++) trainer.takeStep();
    // Good steps before the bad one come first.
    while ((await trainer.readMetrics()).length > 0);
  } catch (error) {
    if (error instanceof NestlingError) return error;
    throw error;
  }
  return expect.fail(`${where} did not stop the run`);
}

const element = (trainer: Trainer, tensor: Tensor, index: number): { buffer: ReturnType<Trainer["plan"]["view"]>["buffer"]; offsetBytes: number; sizeBytes: number } => {
  const view = trainer.plan.view(tensor);
  return { buffer: view.buffer, offsetBytes: view.offsetBytes + 4 * index, sizeBytes: 4 };
};

const finite = async (trainer: Trainer): Promise<boolean> => [...(await trainer.snapshot(true)).weights.values()].every(({ data }) => data.every(Number.isFinite));

describe.each(models)("on %s, a number that is not finite", (deviceName, openDevice, family) => {
  // A launch more on a software adapter is a tenth of a second; there every fifth is tried, of both kinds.
  const every = deviceName.startsWith("CPU") ? 1 : 5;

  it("in what any launch of a step writes is named, and no weight moves", async () => {
    const { trainer, device } = await open(openDevice, { family });
    await losses(trainer, 1);
    const good = await trainer.snapshot(true);
    const before = weightsHash(good);
    const places = trainer.programs.recordings[0]!.launches.flatMap((launch, index) => written(launch).map((tensor) => ({ launch, index, tensor })));
    let [tried, limits] = [0, 0];
    for (const [at, { launch, index, tensor }] of places.entries()) {
      for (const word of at % every === 0 ? [NAN, INFINITY] : []) {
        // The queries' gradient is the first part of each row; the rest of it is not yet written then.
        const middle = launch.kernel.name === "attentionBackwardQ" ? 0 : Math.floor((tensor.shape.reduce((a, b) => a * b) - 1) / 2);
        device.plant = { program: "micro", launch: index, view: element(trainer, tensor, middle), word };
        tried++;
        if (word === INFINITY && FINITE_LIMIT.test(tensor.name)) {
          limits++;
          await losses(trainer, 1);
          expect(await finite(trainer), tensor.name).toBe(true);
        } else {
          const where = `${name(word)} in ${tensor.name}`;
          const error = await errorOf(trainer, 1, where);
          expect(error.code, where).toBe("NONFINITE_LOSS");
          expect(error.details["tensor"], where).toBe(`${tensor.name}, written by ${launch.label}, element ${middle}`);
          expect(error.details["step"], where).toBe(2);
          device.plant = null;
          const stays = !LOSS.test(tensor.name);
          expect((await hashOf(trainer)) === before, where).toBe(stays);
          expect(await finite(trainer), where).toBe(true);
          expect(trainer.step, where).toBe(stays ? 1 : 2);
        }
        device.plant = null;
        trainer.restore(good);
      }
    }
    // What the run went through leaves no trace: the next steps are those of a run that knew no fault.
    await losses(trainer, 3);
    const after = await hashOf(trainer);
    trainer.destroy();
    const untouched = await microTrainer(device, { family });
    await losses(untouched, 4);
    const want = await hashOf(untouched);
    untouched.destroy();
    console.info(`${deviceName}: ${tried} faults in ${places.length} outputs, ${tried - limits} named, ${limits} with a finite limit; afterwards ${after.slice(0, 8)}, without any fault ${want.slice(0, 8)}`);
    expect(after).toBe(want);
  });

  it("in a weight is named within the ten steps in flight, no weight moves, and once it is mended training goes on as if nothing had been", async () => {
    const { trainer, device } = await open(openDevice, { family });
    await losses(trainer, 2);
    const good = await trainer.snapshot(true);
    const named: string[] = [];
    for (const [i, { name: parameter }] of trainer.programs.parameters.specs.entries()) {
      if (i % Math.ceil(every / 2) !== 0) continue;
      const tensor = trainer.programs.parameters.get(parameter);
      device.write(element(trainer, tensor, 0), Uint32Array.of(i % 2 === 0 ? NAN : INFINITY));
      const broken = await hashOf(trainer);
      const error = await errorOf(trainer, named.length === 0 ? 10 : 1);
      expect(error.details["tensor"]).toBe(`the weight ${parameter}, element 0`);
      expect(error.message).toMatch(/^\[NONFINITE_LOSS\] Step 3 .* The weights are those of step 2\. Try a lower learning_rate/);
      expect(trainer.step).toBe(2);
      expect(await hashOf(trainer)).toBe(broken);
      named.push(parameter);
      trainer.loadWeights(good.weights);
    }
    const counts = await trainer.snapshot(false);
    await losses(trainer, 3);
    const after = await hashOf(trainer);
    trainer.destroy();
    const untouched = await microTrainer(device, { family });
    await losses(untouched, 5);
    const want = await hashOf(untouched);
    untouched.destroy();
    console.info(`${deviceName}: ${named.length} weights named; then ${after.slice(0, 8)}, without any fault ${want.slice(0, 8)}`);
    // Steps taken since the last fault restart; everything else is as it was.
    expect(Array.from(counts.counts)).toEqual([2, 0, 0, 0]);
    expect(after).toBe(want);
  });

  it("that a huge but finite weight overflows into is named where it first arises", async () => {
    const { trainer } = await open(openDevice, { family });
    const weights = (await trainer.snapshot(false)).weights;
    const [weight, where] = family === "gpt2"
      ? ["transformer.h.0.mlp.c_fc.weight", /^h\.0\.mlp\.c_fc\.\w+, written by matmulNNBiasGelu h\.0\.mlp\.c_fc, element \d+$/] as const
      : ["model.layers.0.mlp.gate_proj.weight", /^model\.layers\.0\.mlp\.gate_proj\.\w+, written by matmulNT model\.layers\.0\.mlp\.gate_proj, element \d+$/] as const;
    const { shape, data } = weights.get(weight)!;
    trainer.loadWeights(new Map(weights).set(weight, { shape, data: data.map(() => 3e38) }));
    const before = await hashOf(trainer);
    const error = await errorOf(trainer, 10);
    const after = await hashOf(trainer);
    trainer.destroy();
    console.info(`${deviceName}: ${error.message}`);
    expect(error.details["tensor"]).toMatch(where);
    expect(after).toBe(before);
  });

  it("in what the host feeds is named: the mask of a later micro-step, the rate, the number of targets", async () => {
    const source = microSource();
    const spoilt = (word: number): BatchSource => ({
      ...always(source.train(0, 0, 2, T)),
      train: (step, micro) => {
        const batch: Batch = source.train(step, micro, 2, T);
        if (step === 1 && micro === 1) new Uint32Array(batch.mask.buffer)[40] = word;
        return batch;
      },
    });
    const said: string[] = [];
    for (const word of [NAN, INFINITY]) {
      const { trainer } = await open(openDevice, { family, source: spoilt(word), stage: { gradient_accumulation_steps: 2 } });
      const error = await errorOf(trainer, 3);
      said.push(String(error.details["tensor"]));
      expect(error.details).toEqual({ step: 2, tensor: `the input "batch mask", element 40` });
      expect(await finite(trainer)).toBe(true);
      trainer.destroy();
    }
    const settings: [string, MicroOptions][] = [
      ["rate", { optimizer: { learning_rate: NaN, warmup_iters: 0, schedule: "constant" } }],
      ["clip", { optimizer: { grad_clip: Infinity } }],
      ["targets", { source: always({ ...source.train(0, 0, 2, T), tokens: NaN }) }],
    ];
    for (const [what, options] of settings) {
      const { trainer } = await open(openDevice, { family, ...options });
      const before = await hashOf(trainer);
      expect(() => trainer.takeStep(), what).toThrow(/NONFINITE_LOSS.*Nothing was changed/);
      expect(await hashOf(trainer), what).toBe(before);
      expect(trainer.step, what).toBe(0);
      trainer.destroy();
    }
    console.info(`${deviceName}: ${said.join("; ")}; refused before the step: ${settings.map(([what]) => what).join(", ")}`);
  });

  it("hides none of the good steps before it", async () => {
    const source = microSource();
    const { trainer } = await open(openDevice, { family, source: { ...source, train: (step, micro, B) => {
      const batch = source.train(step, micro, B, T);
      if (step === 4) batch.mask[3] = Infinity;
      return batch;
    } } });
    for (let step = 0; step < 8; step++) trainer.takeStep();
    const good = await trainer.readMetrics();
    await expect(trainer.readMetrics()).rejects.toThrow(/Step 5 .*first in the input "batch mask", element 3/);
    trainer.destroy();
    console.info(`${deviceName}: steps ${good.map(({ step }) => step).join(" ")} were told, step 5 stopped the run`);
    expect(good.map(({ step }) => step)).toEqual([1, 2, 3, 4]);
    expect(trainer.step).toBe(4);
  });
});
