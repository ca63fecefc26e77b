/** Promise 7, LoRA's share: a fresh adapter changes no bit, training it changes nothing else, and merging it changes nothing to see. */
import { describe, expect, it } from "vitest";
import { mergeLora } from "../../src/model/lora.ts";
import { LORA_TARGETS } from "../../src/protocol/recipe-fields.ts";
import type { LoraMethod } from "../../src/protocol/recipe.ts";
import { always, differentBits, gradients, losses, microConfigOf, microSource, microTrainer, models, roughWeights, T, type FamilyName } from "../support/micro.ts";

/** Every module there is. */
const adapters: Readonly<Record<FamilyName, LoraMethod>> = {
  gpt2: { type: "lora", r: 4, lora_alpha: 8, target_modules: LORA_TARGETS.gpt2 },
  llama: { type: "lora", r: 4, lora_alpha: 8, target_modules: LORA_TARGETS.llama },
};
const isAdapter = (name: string): boolean => name.includes(".lora_");

describe.each(models)("an adapter on %s", (device, open, family) => {
  const lora = adapters[family];

  it("changes no bit of any probability while its B is 0, and its first gradient goes to B alone", async () => {
    const row = microSource().train(0, 0, 1, T);
    const base = await microTrainer(await open(), { family });
    const weights = roughWeights(base.programs);
    base.loadWeights(weights);
    const want = await base.probabilities(row);
    base.destroy();

    const trainer = await microTrainer(await open(), { family, lora });
    trainer.loadWeights(weights, isAdapter);
    trainer.initialise(isAdapter);
    const got = await trainer.probabilities(row);
    await losses(trainer, 1);
    const found = await gradients(trainer);
    trainer.destroy();
    const different = differentBits(got, want);
    const size = (letter: string): number => Math.max(...[...found].filter(([name]) => name.endsWith(`lora_${letter}`)).flatMap(([, data]) => [...data.map(Math.abs)]));
    console.info(`${device}: ${different} of ${want.length} probabilities differ; gradients reach ${size("A")} in A, ${size("B").toFixed(3)} in B`);
    expect(different).toBe(0);
    expect([...found.keys()].every(isAdapter)).toBe(true);
    expect(found.size).toBe(2 * LORA_TARGETS[family].length);
    expect(size("A")).toBe(0);
    expect(size("B")).toBeGreaterThan(1e-3);
  });

  it("leaves every weight of its base as it was to the last bit, learns, and merged gives the same log-probabilities to 1e-5", async () => {
    const row = microSource().train(7, 0, 1, T);
    const trainer = await microTrainer(await open(), { family, lora, source: always(microSource().train(0, 0, 2, T)) });
    const weights = roughWeights(trainer.programs, 0.1);
    trainer.loadWeights(weights, isAdapter);
    trainer.initialise(isAdapter);
    const before = await trainer.probabilities(row);
    const seen = await losses(trainer, 30);
    const unmerged = await trainer.probabilities(row);
    const trained = (await trainer.snapshot(false)).weights;
    trainer.destroy();
    let moved = 0;
    for (const [name, { data }] of weights) if (!isAdapter(name)) moved += differentBits(trained.get(name)!.data, data);

    const merged = await microTrainer(await open(), { family });
    merged.loadWeights(mergeLora(microConfigOf(family), trained, lora));
    const got = await merged.probabilities(row);
    merged.destroy();
    const apart = (a: Float32Array, b: Float32Array): number => a.reduce((worst, p, i) => Math.max(worst, Math.abs(Math.log(p / b[i]!))), 0);
    console.info(`${device}: ${moved} base weights moved; loss ${seen[0]!.toFixed(2)} to ${seen.at(-1)!.toFixed(2)}; merged within ${apart(got, unmerged).toExponential(1)}, the adapter had moved them by ${apart(unmerged, before).toFixed(2)}`);
    expect(moved).toBe(0);
    expect(seen.at(-1)!).toBeLessThan(seen[0]! - 0.2);
    expect(apart(got, unmerged)).toBeLessThanOrEqual(1e-5);
    expect(apart(unmerged, before)).toBeGreaterThan(0.1);
  });
});
