/**
 * Promise 5: the same seed on the same device gives the same bits, also in a second run of the process, and whatever is
 * looked at on the way.
 */
import { describe, expect, it } from "vitest";
import type { Trainer } from "../../src/training/trainer.ts";
import { allModels, hashOf, losses, microTrainer, models, unevenMasks, microSource, type MicroOptions } from "../support/micro.ts";

const STEPS = 200;
const AT_NIGHT = typeof process !== "undefined" && process.env["NESTLING_NIGHTLY"] !== undefined;
const options: MicroOptions = { model: { dropout: 0.1 }, source: unevenMasks(microSource()) };

async function look(trainer: Trainer): Promise<void> {
  await trainer.evaluate(trainer.data, 2);
  await trainer.probabilities(trainer.data.evaluate(0, 1, 32));
  for await (const drawn of trainer.ask.generate([[1, 2, 3]], { temperature: 0.8, top_k: 5, top_p: 0.9, max_new_tokens: 3, seed: 4 })) void drawn;
  await trainer.snapshot(true);
}

describe.each(models)("a run on %s", (name, open, family) => {
  it(`ends in the same bits twice over ${STEPS} steps, the first run destroyed before the second begins`, async () => {
    const device = await open();
    const hashes: string[] = [];
    for (let run = 0; run < 2; run++) {
      const trainer = await microTrainer(device, { ...options, family });
      const seen = await losses(trainer, STEPS);
      expect(seen.at(-1)!).toBeLessThan(seen[0]! - 1);
      hashes.push(await hashOf(trainer));
      trainer.destroy();
    }
    console.info(`${name}: SHA-256 of all weights after ${STEPS} steps ${hashes[0]!.slice(0, 16)} and ${hashes[1]!.slice(0, 16)}`);
    expect(hashes[1]).toBe(hashes[0]);
  });

});

describe.each(allModels)("a run on %s", (name, open, family) => {
  it("is moved by no bit when it is evaluated, asked, inspected and copied between steps, and by many when its seed changes", async () => {
    const device = await open();
    // By day a software adapter takes few steps, and three where it pays for barriers: what the first look moved, the next two would show.
    const steps = name.startsWith("CPU") ? 20 : name.startsWith("WebGPU by workgroup") ? (AT_NIGHT ? 8 : 3) : AT_NIGHT ? 20 : 6;
    const hashes: string[] = [];
    for (const variant of ["plain", "looked at", "another seed"] as const) {
      const trainer = await microTrainer(device, { ...options, family, seed: variant === "another seed" ? 2 : 1 });
      for (let step = 0; step < steps; step++) {
        trainer.takeStep();
        if (variant === "looked at") await look(trainer);
      }
      hashes.push(await hashOf(trainer));
      trainer.destroy();
    }
    console.info(`${name}: ${hashes.map((hash) => hash.slice(0, 8)).join(", ")} after ${steps} steps: plain, looked at, another seed`);
    expect(hashes[1]).toBe(hashes[0]);
    expect(hashes[2]).not.toBe(hashes[0]);
  });
});
