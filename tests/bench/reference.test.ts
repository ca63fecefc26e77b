/**
 * The reference trainings are those of the peers: four other implementations agree on their loss at step 5. Prints how fast both builds
 * of the WebAssembly kernels train them here, and one thread beside two, in turns; `NESTLING_PAIRS` says in how many (2 by default, too
 * few for a claim).
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { REFERENCE_CONFIGS, REFERENCE_LOSS, REFERENCE_OPTIMIZER, referenceSource, referenceStage, referenceWeights, type ReferenceName } from "../../src/bench/reference.ts";
import { createCpuDevice, type Arithmetic, type CpuDevice } from "../../src/device/cpu/cpu-device.ts";
import { recordTraining, type TrainingPrograms } from "../../src/training/programs.ts";
import { Trainer } from "../../src/training/trainer.ts";
import { threadedDevice, type Threaded } from "../support/threads.ts";
import { relaxedModule, wasmModule } from "../support/wasm.ts";

const text = new Uint8Array(gunzipSync(readFileSync(new URL("../../public/bench/reference.gz", import.meta.url))));
const STEPS = 5;
const PAIRS = Number(process.env["NESTLING_PAIRS"] ?? 2);

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

let two: Threaded | undefined;
afterAll(() => two?.device.destroy());

const programsOf = (name: ReferenceName): TrainingPrograms =>
  recordTraining({ config: REFERENCE_CONFIGS[name], lora: null, optimizer: REFERENCE_OPTIMIZER, batchSize: 8, maxBindingBytes: 2 ** 27, quiz: false });

interface Training {
  /** Milliseconds of all steps but the first, whose caches are cold. */
  readonly times: number[];
  readonly losses: number[];
}

/** One training on each device, step by step in turns. */
async function train(devices: readonly CpuDevice[], name: ReferenceName, programs: TrainingPrograms): Promise<Training[]> {
  const trainers = await Promise.all(devices.map((device) => Trainer.create(device, programs, referenceStage(STEPS), 1, referenceSource(name, text, STEPS))));
  for (const trainer of trainers) trainer.loadWeights(referenceWeights(name));
  const times = devices.map((): number[] => []);
  for (let step = 0; step < STEPS; step++) {
    for (const [i, trainer] of trainers.entries()) {
      const began = performance.now();
      trainer.takeStep();
      if (step > 0) times[i]!.push(performance.now() - began);
    }
  }
  const trainings = await Promise.all(trainers.map(async (trainer, i) => ({ times: times[i]!, losses: (await trainer.readMetrics()).map(({ loss }) => loss) })));
  for (const trainer of trainers) trainer.destroy();
  return trainings;
}

const spread = (ratios: readonly number[]): string => `${median(ratios).toFixed(2)} times (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`;

describe.each(["tiny", "small"] as ReferenceName[])("the reference training %s", (name) => {
  it("has at step 5 the loss that other trainers have, to 2e-3, in few launches, with either build", async () => {
    const programs = programsOf(name);
    const launches = programs.recordings.filter((recording) => recording.name === "micro" || recording.name === "update").reduce((sum, recording) => sum + recording.launches.length, 0);
    const device = createCpuDevice({ wasm: await wasmModule(), relaxed: await relaxedModule() });
    const stepMs: Record<Arithmetic, number[]> = { plain: [], relaxed: [] };
    const tokens = 8 * REFERENCE_CONFIGS[name].block_size;
    for (let pair = 0; pair < PAIRS; pair++) {
      for (const build of ["plain", "relaxed"] as const) {
        device.arithmetic = build;
        const [{ times, losses }] = (await train([device], name, programs)) as [Training];
        stepMs[build].push(median(times));
        expect(losses[0]).toBeCloseTo(Math.log(512), 1);
        expect(Math.abs(losses.at(-1)! - REFERENCE_LOSS[name])).toBeLessThan(2e-3);
      }
    }
    const ratios = stepMs.plain.map((ms, pair) => ms / stepMs.relaxed[pair]!);
    const speed = (build: Arithmetic): string => `${build} ${((1000 * tokens) / median(stepMs[build])).toFixed(0)} tokens/s`;
    console.info(`${name}, CPU, one thread, ${PAIRS} pairs: ${speed("plain")}, ${speed("relaxed")}; relaxed ${spread(ratios)} plain; ${launches} launches a step`);
    expect(launches).toBeLessThanOrEqual({ small: 180, tiny: 100 }[name]);
  }, 600_000);

  it("has the same losses, to the last bit, with two threads", async () => {
    const programs = programsOf(name);
    const alone = createCpuDevice({ wasm: await wasmModule(), relaxed: await relaxedModule() });
    two ??= await threadedDevice(2, { relaxed: true, splitFromMs: undefined });
    const all: Record<"one" | "both", number[]> = { one: [], both: [] };
    for (let pair = 0; pair < PAIRS; pair++) {
      const [one, both] = (await train([alone, two.device], name, programs)) as [Training, Training];
      expect(both.losses).toEqual(one.losses);
      all.one.push(...one.times);
      all.both.push(...both.times);
    }
    const speed = (ms: number): string => `${((8000 * REFERENCE_CONFIGS[name].block_size) / ms).toFixed(0)} tokens/s`;
    const fastest = all.one.toSorted((x, y) => x - y)[0]! / all.both.toSorted((x, y) => x - y)[0]!;
    const shares = two.pool.doneBy;
    console.info(
      `${name}, CPU, relaxed, ${all.one.length} pairs of steps: one thread ${speed(median(all.one))}, two ${speed(median(all.both))}; two ${spread(all.one.map((ms, i) => ms / all.both[i]!))} one; fastest steps ${fastest.toFixed(2)} times; shares by thread ${shares.join(" and ")}`,
    );
    expect(Math.min(...shares)).toBeGreaterThan(0);
  }, 600_000);
});
