/**
 * The reference trainings are those of the peers: four other implementations agree on their loss at step 5. Prints how fast both builds
 * of the WebAssembly kernels train them here, in turns; `NESTLING_PAIRS` says in how many (2 by default, too few for a claim).
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { REFERENCE_CONFIGS, REFERENCE_LOSS, REFERENCE_OPTIMIZER, referenceSource, referenceStage, referenceWeights, type ReferenceName } from "../../src/bench/reference.ts";
import { createCpuDevice, type Arithmetic } from "../../src/device/cpu/cpu-device.ts";
import { recordTraining } from "../../src/training/programs.ts";
import { Trainer } from "../../src/training/trainer.ts";
import { relaxedModule, wasmModule } from "../support/wasm.ts";

const text = new Uint8Array(gunzipSync(readFileSync(new URL("../../public/bench/reference.gz", import.meta.url))));
const STEPS = 5;
const PAIRS = Number(process.env["NESTLING_PAIRS"] ?? 2);

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

describe.each(["tiny", "small"] as ReferenceName[])("the reference training %s", (name) => {
  it("has at step 5 the loss that other trainers have, to 2e-3, in few launches, with either build", async () => {
    const programs = recordTraining({ config: REFERENCE_CONFIGS[name], lora: null, optimizer: REFERENCE_OPTIMIZER, batchSize: 8, maxBindingBytes: 2 ** 27, quiz: false });
    const launches = programs.recordings.filter((recording) => recording.name === "micro" || recording.name === "update").reduce((sum, recording) => sum + recording.launches.length, 0);
    const device = createCpuDevice({ wasm: await wasmModule(), relaxed: await relaxedModule() });
    const stepMs: Record<Arithmetic, number[]> = { plain: [], relaxed: [] };
    const tokens = 8 * REFERENCE_CONFIGS[name].block_size;
    for (let pair = 0; pair < PAIRS; pair++) {
      for (const build of ["plain", "relaxed"] as const) {
        device.arithmetic = build;
        const trainer = await Trainer.create(device, programs, referenceStage(STEPS), 1, referenceSource(name, text, STEPS));
        trainer.loadWeights(referenceWeights(name));
        const times: number[] = [];
        for (let step = 0; step < STEPS; step++) {
          const began = performance.now();
          trainer.takeStep();
          times.push(performance.now() - began);
        }
        const losses = (await trainer.readMetrics()).map(({ loss }) => loss);
        trainer.destroy();
        stepMs[build].push(median(times.slice(1)));
        expect(losses[0]).toBeCloseTo(Math.log(512), 1);
        expect(Math.abs(losses.at(-1)! - REFERENCE_LOSS[name])).toBeLessThan(2e-3);
      }
    }
    const ratios = stepMs.plain.map((ms, pair) => ms / stepMs.relaxed[pair]!);
    const speed = (build: Arithmetic): string => `${build} ${((1000 * tokens) / median(stepMs[build])).toFixed(0)} tokens/s`;
    console.info(`${name}, CPU, one thread, ${PAIRS} pairs: ${speed("plain")}, ${speed("relaxed")}; relaxed ${median(ratios).toFixed(2)} times plain (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}); ${launches} launches a step`);
    expect(launches).toBeLessThanOrEqual({ small: 180, tiny: 100 }[name]);
  }, 600_000);
});
