/** Looking inside a golden model, held to the textbook on whatever device it is given: attention, lens and gradient norms. */
import { describe, expect, it } from "vitest";
import type { Device } from "../../src/device/types.ts";
import { GradientMeter } from "../../src/engine/gradient-norms.ts";
import { InsideModel } from "../../src/engine/inside.ts";
import { promptRow } from "../../src/engine/views.ts";
import { recordTraining } from "../../src/training/programs.ts";
import { Trainer } from "../../src/training/trainer.ts";
import { textbookForward, textbookSoftmax } from "./textbook-forward.ts";
import { goldenCase, goldenStage } from "./transformers-fixture.ts";

/** Tokens named by their ids. */
export const byId = { pieces: (ids: ArrayLike<number>) => Array.from(ids, (id) => ({ id, text: String(id), special: false })) };
const TOKENS = 16;

export function insideTests(open: () => Promise<Device>): void {
  describe.each(["gpt2", "llama"] as const)("inside a %s model", (family) => {
    const golden = goldenCase(family);
    const { config } = golden;
    const weights = golden.tensors("weight");
    const ids = Array.from(golden.ids.slice(0, TOKENS));
    const judged = textbookForward(config, weights, ids);

    it("has a judge that gives transformers' own logits to 1e-5", () => {
      const worst = Math.max(...judged.logits.at(-1)!.flatMap((row, t) => row.map((logit, v) => Math.abs(logit - golden.logits[t * config.vocab_size + v]!))));
      expect(worst).toBeLessThanOrEqual(1e-5);
    });

    it("every head of every layer attends as the formula says: rows sum to 1 and nothing looks ahead", async () => {
      const device = await open();
      const model = await InsideModel.open(device, config, null);
      model.load(weights);
      const { attention, layers, heads, tokens } = await model.look(ids, byId);
      model.destroy();
      expect([layers, heads, tokens]).toEqual([config.n_layer, config.n_head, ids.map(String)]);
      expect(attention).toHaveLength(layers * heads * TOKENS * TOKENS);
      let [worst, sharpest] = [0, 0];
      judged.attention.forEach((tables, layer) => tables.forEach((table, h) => table.forEach((row, t) => {
        const got = attention.subarray(((layer * heads + h) * TOKENS + t) * TOKENS, ((layer * heads + h) * TOKENS + t + 1) * TOKENS);
        row.forEach((want, s) => (worst = Math.max(worst, Math.abs(got[s]! - want))));
        expect(got.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 6);
        expect(Array.from(got.subarray(t + 1))).toEqual(Array.from({ length: TOKENS - t - 1 }, () => 0));
        sharpest = Math.max(sharpest, Math.max(...row.slice(0, t + 1)) * (t + 1));
      })));
      console.info(`${family} attention within ${worst.toExponential(1)}; sharpest row ${sharpest.toFixed(2)} times the mean`);
      expect(worst).toBeLessThanOrEqual(1e-6);
      // Were every row flat, any mask would do.
      expect(sharpest).toBeGreaterThan(1.02);
    });

    it("the lens reads every depth as the formula says, and at the last one it is the model's own next-token probabilities", async () => {
      const device = await open();
      const model = await InsideModel.open(device, config, null);
      model.load(weights);
      const { lens } = await model.look(ids, byId);
      model.destroy();
      expect(lens).toHaveLength(config.n_layer + 1);
      let worst = 0;
      judged.logits.forEach((rows, depth) => rows.forEach((logits, t) => {
        const probs = textbookSoftmax(logits);
        const best = lens[depth]![t]!;
        expect(best.map(({ p }) => p)).toEqual(best.map(({ p }) => p).toSorted((a, b) => b - a));
        expect(best[0]!.p).toBeCloseTo(Math.max(...probs), 6);
        for (const { text, p } of best) worst = Math.max(worst, Math.abs(p - probs[Number(text)]!));
      }));
      console.info(`${family} lens within ${worst.toExponential(1)}`);
      expect(worst).toBeLessThanOrEqual(1e-6);

      const programs = recordTraining({ config, lora: null, optimizer: goldenStage.optimizer, batchSize: 2, maxBindingBytes: 2 ** 27, quiz: false });
      const trainer = await Trainer.create(device, programs, goldenStage, 1, golden.source);
      trainer.loadWeights(weights);
      const own = await trainer.probabilities(promptRow(ids, config.block_size).row);
      trainer.destroy();
      for (let t = 0; t < TOKENS; t++) for (const { text, p } of lens.at(-1)![t]!) expect(p).toBe(own[t * config.vocab_size + Number(text)]);
    });

    it("measures gradients whose root-sum-square is transformers' grad_norm, each the length of its own tensor", async () => {
      const device = await open();
      const programs = recordTraining({ config, lora: null, optimizer: goldenStage.optimizer, batchSize: 2, maxBindingBytes: 2 ** 27, quiz: false });
      const trainer = await Trainer.create(device, programs, goldenStage, 1, golden.source);
      trainer.loadWeights(weights);
      trainer.takeStep();
      const [metrics] = await trainer.readMetrics();
      const meter = await GradientMeter.open(trainer);
      const { parts, total, step } = await meter.measure(0, trainer.gradientStep!);
      meter.destroy();
      trainer.destroy();
      expect(step).toBe(1);
      expect(total).toBeCloseTo(metrics!.gradNorm, 5);
      expect(total).toBeCloseTo(golden.figures.grad_norm, 4);
      expect(Math.hypot(...parts.map(({ norm }) => norm))).toBeCloseTo(total, 9);
      const wanted = golden.tensors("grad");
      expect(parts.map(({ name }) => name).sort()).toEqual([...wanted.keys()].sort());
      for (const { name, norm, layer, parameters } of parts) {
        const grad = wanted.get(name)!.data;
        // A key's bias has no gradient but rounding, which is part of c_attn.bias's length on neither side.
        expect(Math.abs(norm - Math.hypot(...grad)), name).toBeLessThanOrEqual(1e-5 * Math.max(1, norm));
        expect(parameters).toBe(grad.length);
        const block = /\.(\d+)\./.exec(name)?.[1];
        expect(layer, name).toBe(block === undefined ? null : Number(block));
      }
    });
  });
}
