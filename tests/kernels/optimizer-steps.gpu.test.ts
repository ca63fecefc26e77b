/**
 * Promise 4 and the latch of promise 10: a hundred steps of the kernels that make an update against torch.optim.AdamW and
 * clip_grad_norm_ written out in f64, on both devices; and what happens when a gradient is not finite.
 */
import { describe, expect, it } from "vitest";
import { createCpuDevice } from "../../src/device/cpu/cpu-device.ts";
import type { Device } from "../../src/device/types.ts";
import { COUNTS, SCALARS } from "../../src/kernels/step-block.ts";
import { testDevice, values } from "../support/kernel-harness.ts";
import { OptimizerRun, type ArenaSpec, type Hyperparameters } from "../support/optimizer-run.ts";

const STEPS = 100;
const arenas: readonly ArenaSpec[] = [
  { values: values("normal", 1024, 1), weightDecay: 0.1 },
  { values: values("small", 320, 2), weightDecay: 0 },
];
const hyper: Hyperparameters = { beta1: 0.9, beta2: 0.95, eps: 1e-8, gradClip: 1 };

/** Ever different in size, so that clipping is on in some steps and off in others; some elements are always 0. */
const gradientsOf = (step: number): Float32Array[] =>
  arenas.map(({ values: { length } }, i) => values("normal", length, 100 + 7 * step + i).map((g, k) => (k % 13 === 0 ? 0 : g * (step % 3 === 0 ? 1e-3 : step % 3 === 1 ? 0.5 : 30))));

const rateOf = (step: number): number => 1e-2 * (step < 10 ? (step + 1) / 11 : 0.5 * (1 + Math.cos((Math.PI * step) / STEPS)));

/** torch.optim.AdamW (its single-tensor form) after torch.nn.utils.clip_grad_norm_, from their documentation, in f64. */
class Torch {
  t = 0;
  readonly groups = arenas.map(({ values: initial, weightDecay }) => ({
    weightDecay,
    param: Float64Array.from(initial),
    expAvg: new Float64Array(initial.length),
    expAvgSq: new Float64Array(initial.length),
  }));

  constructor(readonly hyperparameters: Hyperparameters) {}

  step(lr: number, gradients: readonly ArrayLike<number>[]): void {
    const { beta1, beta2, eps, gradClip } = this.hyperparameters;
    let squares = 0;
    for (const gradient of gradients) for (let i = 0; i < gradient.length; i++) squares += gradient[i]! ** 2;
    const clipCoefficient = gradClip / (Math.sqrt(squares) + 1e-6);
    const clamped = gradClip > 0 ? Math.min(1, clipCoefficient) : 1;
    this.t += 1;
    const biasCorrection1 = 1 - beta1 ** this.t;
    const biasCorrection2 = 1 - beta2 ** this.t;
    this.groups.forEach(({ weightDecay, param, expAvg, expAvgSq }, group) => {
      for (let i = 0; i < param.length; i++) {
        const gradient = gradients[group]![i]! * clamped;
        param[i] = param[i]! * (1 - lr * weightDecay);
        expAvg[i] = expAvg[i]! + (gradient - expAvg[i]!) * (1 - beta1);
        expAvgSq[i] = expAvgSq[i]! * beta2 + gradient * gradient * (1 - beta2);
        const denominator = Math.sqrt(expAvgSq[i]!) / Math.sqrt(biasCorrection2) + eps;
        param[i] = param[i]! - (lr / biasCorrection1) * (expAvg[i]! / denominator);
      }
    });
  }
}

/** Worst |got - want| / (1e-6 scale + 1e-5 |want|); above 1 breaks promise 4, whose scale is 1. */
function worstShare(got: Float32Array, want: Float64Array, scale = 1): number {
  let worst = 0;
  for (let i = 0; i < want.length; i++) {
    const share = Math.abs(got[i]! - want[i]!) / (1e-6 * scale + 1e-5 * Math.abs(want[i]!));
    if (!(share <= worst)) worst = Number.isNaN(share) ? Infinity : share;
  }
  return worst;
}

const devices: [name: string, open: () => Promise<Device>][] = [
  ["webgpu", () => testDevice()],
  ["cpu", async () => createCpuDevice({ poison: 0x7fc00000 })],
];

describe.each(devices)("the update on %s", (name, open) => {
  it.each([
    { ...hyper, beta2: 0.95 },
    { ...hyper, beta2: 0.999 },
    { ...hyper, beta2: 0.999, gradClip: 0 },
    { ...hyper, beta1: 0, beta2: 0.99 },
  ])("is torch.optim.AdamW with clip_grad_norm_ after 100 steps of changing rate: $beta1, $beta2, clip $gradClip", async (chosen) => {
    const run = await OptimizerRun.create(await open(), arenas, chosen);
    const torch = new Torch(chosen);
    for (let step = 0; step < STEPS; step++) {
      const gradients = gradientsOf(step);
      run.step(step, rateOf(step), gradients);
      torch.step(rateOf(step), gradients);
    }
    const states = await run.state();
    const shares = states.map(({ param }, i) => worstShare(param, torch.groups[i]!.param));
    console.log(`AdamW on ${name}, beta2 ${chosen.beta2}, clip ${chosen.gradClip}: worst ${Math.max(...shares).toFixed(3)} of rtol 1e-5 atol 1e-6`);
    for (const [i, share] of shares.entries()) expect(share, `arena ${i}`).toBeLessThanOrEqual(1);
    // Unclipped gradients reach about 100, and first moments near 0 are what is left of sums of that size.
    const gradientSize = chosen.gradClip > 0 ? 1 : 100;
    states.forEach(({ m, v }, i) => {
      expect(worstShare(m, torch.groups[i]!.expAvg, gradientSize)).toBeLessThanOrEqual(1);
      expect(worstShare(v, torch.groups[i]!.expAvgSq)).toBeLessThanOrEqual(1);
    });
    expect(Array.from(await run.counts())).toEqual([STEPS, 0, 0, STEPS]);
    run.destroy();
  });

  it.each([
    ["NaN", NaN],
    ["Infinity", Infinity],
    ["-Infinity", -Infinity],
    ["a number whose square leaves the range of f32", 1e25],
  ])("writes no bit of weights or moments when a gradient holds %s, until the latch is cleared", async (_, bad) => {
    const run = await OptimizerRun.create(await open(), arenas, hyper);
    const torch = new Torch(hyper);
    for (let step = 0; step < 5; step++) {
      run.step(step, rateOf(step), gradientsOf(step));
      torch.step(rateOf(step), gradientsOf(step));
    }
    const before = await run.state();
    const broken = gradientsOf(5);
    broken[1]![319] = bad; // the last element of the last chunk of the last arena
    run.step(5, rateOf(5), broken);
    expect(await run.state()).toEqual(before);
    expect(Array.from(await run.counts())).toEqual([5, 1, 5, 0]);
    expect(Number.isFinite((await run.read("scalars"))[SCALARS.gradNorm])).toBe(false);

    // Good gradients change nothing while latched, and the step that latched stays the one named.
    run.step(6, rateOf(6), gradientsOf(6));
    run.step(7, rateOf(7), gradientsOf(7));
    expect(await run.state()).toEqual(before);
    expect(Array.from(await run.counts())).toEqual([5, 1, 5, 0]);

    run.clearLatch();
    for (let step = 8; step < 12; step++) {
      run.step(step, rateOf(step), gradientsOf(step));
      torch.step(rateOf(step), gradientsOf(step));
    }
    (await run.state()).forEach(({ param }, i) => expect(worstShare(param, torch.groups[i]!.param)).toBeLessThanOrEqual(1));
    const counts = await run.counts();
    expect([counts[COUNTS.t], counts[COUNTS.latched], counts[COUNTS.goodSteps]]).toEqual([9, 0, 4]);
    run.destroy();
  });

  it("decays a weight whose gradient was never anything but 0, and leaves it alone without decay", async () => {
    const run = await OptimizerRun.create(await open(), arenas, hyper);
    const zero = arenas.map(({ values: { length } }) => new Float32Array(length));
    for (let step = 0; step < 10; step++) run.step(step, 1e-2, zero);
    const [decayed, kept] = await run.state();
    const want = Float64Array.from(arenas[0]!.values, (value) => value * (1 - 1e-2 * 0.1) ** 10);
    expect(worstShare(decayed!.param, want)).toBeLessThanOrEqual(1);
    expect(kept!.param).toEqual(arenas[1]!.values);
    run.destroy();
  });
});
