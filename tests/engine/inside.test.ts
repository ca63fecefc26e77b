/** Looking inside, held to the textbook: attention and lens to a float64 forward pass from the weights, norms to the gradients. */
import { describe, expect, it } from "vitest";
import { GradientMeter } from "../../src/engine/gradient-norms.ts";
import { Inside, InsideModel } from "../../src/engine/inside.ts";
import type { ModelShelf } from "../../src/engine/models.ts";
import type { Run } from "../../src/engine/run.ts";
import { promptRow } from "../../src/engine/views.ts";
import { byId, insideTests } from "../support/inside-cases.ts";
import { differentBits, gradients, hashOf, microTrainer, roughWeights, wasmCpu } from "../support/micro.ts";

insideTests(wasmCpu);

const wasmDevice = (): never => {
  throw new Error("gradients are measured on the trainer's own device");
};

describe("looking while a model trains", () => {
  it("copies the weights as they stand and changes no bit of training", async () => {
    const device = await wasmCpu();
    const [plain, watched] = [await microTrainer(device, { model: { dropout: 0.1 } }), await microTrainer(device, { model: { dropout: 0.1 } })];
    const model = await InsideModel.open(device, watched.programs.config, null);
    let meter: GradientMeter | undefined;
    const seen: Float32Array[] = [];
    for (let step = 1; step <= 8; step++) {
      plain.takeStep();
      watched.takeStep();
      expect(watched.gradientStep).toBe(step);
      meter ??= await GradientMeter.open(watched);
      const before = await gradients(watched);
      const { parts } = await meter.measure(0, step);
      for (const { name, norm } of parts) expect(norm).toBeCloseTo(Math.hypot(...before.get(name)!), 6);
      model.copy(watched);
      seen.push((await model.look([1, 2, 3, 5, 8, 13], byId)).attention);
      for (const [name, data] of await gradients(watched)) expect(differentBits(data, before.get(name)!), name).toBe(0);
    }
    expect(differentBits(seen[0]!, seen[7]!)).toBeGreaterThan(0);
    expect((await watched.readMetrics()).map(({ loss, gradNorm }) => [loss, gradNorm])).toEqual((await plain.readMetrics()).map(({ loss, gradNorm }) => [loss, gradNorm]));
    expect(await hashOf(watched)).toBe(await hashOf(plain));
    meter!.destroy();
    model.destroy();
  });

  it("sees a low-rank update that is being trained, and measures the gradients of it alone", async () => {
    const device = await wasmCpu();
    const lora = { type: "lora", r: 4, lora_alpha: 8, target_modules: ["c_attn"] } as const;
    const trainer = await microTrainer(device, { lora });
    trainer.loadWeights(roughWeights(trainer.programs));
    const model = await InsideModel.open(device, trainer.programs.config, lora);
    model.copy(trainer);
    const ids = [1, 2, 3, 5, 8, 13];
    const { lens } = await model.look(ids, byId);
    const own = await trainer.probabilities(promptRow(ids, trainer.programs.T).row);
    const V = trainer.programs.config.vocab_size;
    for (let t = 0; t < ids.length; t++) for (const { text, p } of lens.at(-1)![t]!) expect(p).toBe(own[t * V + Number(text)]);
    trainer.takeStep();
    const meter = await GradientMeter.open(trainer);
    const { parts, total } = await meter.measure(0, 1);
    expect(parts.map(({ name }) => name)).toEqual(["transformer.h.0.attn.c_attn.lora_A", "transformer.h.0.attn.c_attn.lora_B"]);
    expect(total).toBeCloseTo((await trainer.readMetrics())[0]!.gradNorm, 5);
    meter.destroy();
    model.destroy();
  });

  it("has nothing to measure before a step of its own", async () => {
    const trainer = await microTrainer(await wasmCpu());
    expect(trainer.gradientStep).toBeNull();
    trainer.takeStep();
    const again = await microTrainer(await wasmCpu());
    again.restore(await trainer.snapshot(true));
    expect([again.step, again.gradientStep]).toEqual([1, null]);
  });

  it("measures every two seconds at most while a run trains, anew at once where it stands still", async () => {
    const trainer = await microTrainer(await wasmCpu());
    let nowMs = 0;
    const inside = new Inside(wasmDevice, {} as ModelShelf, () => nowMs);
    const run = { trainer, tokenizer: byId, phase: "running", stageIndex: 0, exclusive: (job: () => Promise<unknown>) => job() };
    const step = async (): Promise<number | undefined> => (await inside.norms(run as unknown as Run))?.step;
    expect(await step()).toBeUndefined();
    trainer.takeStep();
    expect(await step()).toBe(1);
    trainer.takeStep();
    nowMs = 1999;
    expect(await step()).toBe(1);
    nowMs = 2000;
    expect(await step()).toBe(2);
    trainer.takeStep();
    expect(await step()).toBe(2);
    run.phase = "paused";
    expect(await step()).toBe(3);
    await inside.close();
  });
});
