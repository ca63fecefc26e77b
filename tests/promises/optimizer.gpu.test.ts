/**
 * Promise 4 through the trainer: a hundred steps of a model whose rate changes each step, with decay groups and clipping, against
 * AdamW, clip_grad_norm_ and nanoGPT's schedule written out in f64. The kernels alone: tests/kernels/optimizer-steps.
 */
import { describe, expect, it } from "vitest";
import type { StepMetrics } from "../../src/training/trainer.ts";
import { devices, gradients, microOptimizer, microSource, microTrainer, unevenMasks } from "../support/micro.ts";

const STEPS = 100;
const CLIP = 1.4;
const optimizer = { ...microOptimizer, warmup_iters: 10, grad_clip: CLIP, beta2: 0.99 };

/** nanoGPT's get_lr, from its description: warm-up over 10 steps, then half a cosine to min_lr at step 100. */
function rate(step: number): number {
  if (step < 10) return (1e-2 * (step + 1)) / 11;
  return 1e-4 + 0.5 * (1 + Math.cos((Math.PI * (step - 10)) / 90)) * (1e-2 - 1e-4);
}

interface Textbook {
  readonly w: Float64Array;
  readonly m: Float64Array;
  readonly v: Float64Array;
  readonly decay: number;
}

/** Decoupled weight decay, then the bias-corrected moments: arXiv 1711.05101, algorithm 2, in torch's order. */
function textbookStep(parameters: ReadonlyMap<string, Textbook>, grads: ReadonlyMap<string, Float32Array>, t: number): number {
  const lr = rate(t - 1);
  let squares = 0;
  for (const grad of grads.values()) for (const g of grad) squares += g * g;
  const norm = Math.sqrt(squares);
  const clip = Math.min(1, CLIP / (norm + 1e-6));
  for (const [name, { w, m, v, decay }] of parameters) {
    const grad = grads.get(name)!;
    for (let i = 0; i < w.length; i++) {
      const g = grad[i]! * clip;
      w[i] = w[i]! * (1 - lr * decay);
      m[i] = 0.9 * m[i]! + (1 - 0.9) * g;
      v[i] = 0.99 * v[i]! + (1 - 0.99) * g * g;
      w[i] = w[i]! - (lr * (m[i]! / (1 - 0.9 ** t))) / (Math.sqrt(v[i]! / (1 - 0.99 ** t)) + 1e-8);
    }
  }
  return norm;
}

describe.each(devices)("the trainer on %s", (device, open) => {
  it(`is AdamW with clipping, decay groups and nanoGPT's rates over ${STEPS} steps, within rtol 1e-5 atol 1e-6`, async () => {
    const trainer = await microTrainer(await open(), {
      optimizer, stage: { max_iters: STEPS, gradient_accumulation_steps: 2 }, source: unevenMasks(microSource()),
    });
    const first = await trainer.snapshot(false);
    const parameters = new Map<string, Textbook>();
    for (const [name, { shape, data }] of first.weights) {
      // nanoGPT's rule: what has two dimensions decays; biases and LayerNorms do not.
      parameters.set(name, { w: Float64Array.from(data), m: new Float64Array(data.length), v: new Float64Array(data.length), decay: shape.length >= 2 ? 0.1 : 0 });
    }
    const metrics: StepMetrics[] = [];
    let [normError, clipped] = [0, 0];
    for (let t = 1; t <= STEPS; t++) {
      trainer.takeStep();
      metrics.push(...(await trainer.readMetrics()));
      const norm = textbookStep(parameters, await gradients(trainer), t);
      normError = Math.max(normError, Math.abs(metrics.at(-1)!.gradNorm - norm) / norm);
      clipped += norm > CLIP ? 1 : 0;
    }
    const last = await trainer.snapshot(true);
    trainer.destroy();
    let worst = { share: 0, name: "" };
    const note = (name: string, got: Float32Array, want: Float64Array): void => want.forEach((x, i) => {
      const share = Math.abs(got[i]! - x) / (1e-6 + 1e-5 * Math.abs(x));
      if (!(share <= worst.share)) worst = { share, name };
    });
    for (const [name, { w, m, v }] of parameters) {
      note(name, last.weights.get(name)!.data, w);
      note(`m of ${name}`, last.m.get(name)!, m);
      note(`v of ${name}`, last.v.get(name)!, v);
    }
    const rateError = Math.max(...metrics.map(({ lr }, i) => Math.abs(lr / rate(i) - 1)));
    console.info(`${device}: worst ${worst.share.toFixed(3)} of rtol 1e-5 atol 1e-6 (${worst.name}); norm within ${normError.toExponential(1)}, rates within ${rateError.toExponential(1)}; ${clipped} of ${STEPS} steps clipped`);
    expect(worst.share, worst.name).toBeLessThanOrEqual(1);
    expect(normError).toBeLessThanOrEqual(1e-5);
    expect(rateError).toBeLessThanOrEqual(1e-6);
    expect(new Set(metrics.map(({ lr }) => lr)).size).toBeGreaterThan(98);
    expect(clipped).toBeGreaterThan(5);
    expect(clipped).toBeLessThan(STEPS - 5);
    expect(Array.from(last.counts)).toEqual([STEPS, 0, 0, STEPS]);
  });

  it("decays weights of two dimensions and leaves biases and LayerNorms alone where no gradient comes", async () => {
    const trainer = await microTrainer(await open());
    const { parameters, tensors } = trainer.programs;
    const before = await trainer.snapshot(false);
    // An update with every gradient 0: the decay alone moves weights.
    for (const { grad } of parameters.buckets) if (grad) trainer.plan.write(grad, new Float32Array(grad.shape[0]!));
    trainer.plan.write(tensors.stepF, Float32Array.of(1e-2, 1, 1, 1));
    trainer.plan.device.submit(trainer.plan.run("update"));
    const after = await trainer.snapshot(false);
    trainer.destroy();
    const moved: string[] = [];
    let worst = 0;
    for (const [name, { shape, data }] of before.weights) {
      const now = after.weights.get(name)!.data;
      if (shape.length < 2) {
        expect(now, name).toEqual(data);
        continue;
      }
      moved.push(name);
      data.forEach((x, i) => (worst = Math.max(worst, Math.abs(now[i]! - x * (1 - 1e-2 * 1e-1)) / (1e-12 + Math.abs(x)))));
    }
    console.info(`${device}: ${moved.length} tensors decayed, within ${worst.toExponential(1)} of (1 - lr weight_decay); ${before.weights.size - moved.length} did not move a bit`);
    expect(moved).toHaveLength(6);
    expect(worst).toBeLessThanOrEqual(3e-7);
  });
});
