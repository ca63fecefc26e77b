/** The reference trainings are those of the peers: four other implementations agree on their loss at step 5. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { REFERENCE_CONFIGS, REFERENCE_LOSS, REFERENCE_OPTIMIZER, referenceSource, referenceStage, referenceWeights, type ReferenceName } from "../../src/bench/reference.ts";
import { recordTraining } from "../../src/training/programs.ts";
import { Trainer } from "../../src/training/trainer.ts";
import { wasmCpu } from "../support/micro.ts";

const text = new Uint8Array(gunzipSync(readFileSync(new URL("../../public/bench/reference.gz", import.meta.url))));
const STEPS = 5;

describe.each(["tiny", "small"] as ReferenceName[])("the reference training %s", (name) => {
  it("has at step 5 the loss that other trainers have, to 2e-3, in few launches", async () => {
    const programs = recordTraining({ config: REFERENCE_CONFIGS[name], lora: null, optimizer: REFERENCE_OPTIMIZER, batchSize: 8, maxBindingBytes: 2 ** 27, quiz: false });
    const trainer = await Trainer.create(await wasmCpu(), programs, referenceStage(STEPS), 1, referenceSource(name, text, STEPS));
    trainer.loadWeights(referenceWeights(name));
    for (let step = 0; step < STEPS; step++) trainer.takeStep();
    const losses = (await trainer.readMetrics()).map(({ loss }) => loss);
    const launches = programs.recordings.filter((recording) => recording.name === "micro" || recording.name === "update").reduce((sum, recording) => sum + recording.launches.length, 0);
    trainer.destroy();
    console.info(`${name}: loss ${losses.map((loss) => loss.toFixed(4)).join(", ")}; ${launches} launches a step`);
    expect(losses[0]).toBeCloseTo(Math.log(512), 1);
    expect(Math.abs(losses.at(-1)! - REFERENCE_LOSS[name])).toBeLessThan(2e-3);
    expect(launches).toBeLessThanOrEqual({ small: 180, tiny: 100 }[name]);
  }, 60_000);
});
