import { describe, expect, it } from "vitest";
import type { OptimizerConfig } from "../../src/protocol/index.ts";
import { learningRate } from "../../src/training/schedule.ts";

const optimizer = (change: Partial<OptimizerConfig>): OptimizerConfig => ({
  learning_rate: 1e-3,
  schedule: "cosine",
  warmup_iters: 4,
  min_lr: 1e-4,
  beta1: 0.9,
  beta2: 0.99,
  eps: 1e-8,
  weight_decay: 0.1,
  grad_clip: 1,
  ...change,
});

// Worked out by hand: 4 steps of warm-up in fifths, then 8 steps of decay from step 4 to step 12; wsd falls over the last 4 of them.
const HALF_ROOT_2 = 0.7071067811865476;
const table: [schedule: OptimizerConfig["schedule"], step: number, rate: number][] = [
  ["cosine", 0, 0.0002],
  ["cosine", 1, 0.0004],
  ["cosine", 3, 0.0008],
  ["cosine", 4, 0.001],
  ["cosine", 6, 0.0001 + 0.0009 * 0.5 * (1 + HALF_ROOT_2)],
  ["cosine", 8, 0.00055],
  ["cosine", 10, 0.0001 + 0.0009 * 0.5 * (1 - HALF_ROOT_2)],
  ["cosine", 12, 0.0001],
  ["cosine", 13, 0.0001],
  ["cosine", 1000, 0.0001],
  ["linear", 0, 0.0002],
  ["linear", 3, 0.0008],
  ["linear", 4, 0.001],
  ["linear", 6, 0.000775],
  ["linear", 8, 0.00055],
  ["linear", 10, 0.000325],
  ["linear", 12, 0.0001],
  ["linear", 50, 0.0001],
  ["constant", 0, 0.0002],
  ["constant", 3, 0.0008],
  ["constant", 4, 0.001],
  ["constant", 12, 0.001],
  ["constant", 99, 0.001],
  ["wsd", 0, 0.0002],
  ["wsd", 3, 0.0008],
  ["wsd", 4, 0.001],
  ["wsd", 6, 0.001],
  ["wsd", 8, 0.001],
  ["wsd", 9, 0.000775],
  ["wsd", 10, 0.00055],
  ["wsd", 11, 0.000325],
  ["wsd", 12, 0.0001],
  ["wsd", 99, 0.0001],
];

describe("learningRate", () => {
  it.each(table)("%s at step %i of 12 with 4 of warm-up is %f", (schedule, step, rate) => {
    expect(learningRate(optimizer({ schedule, ...(schedule === "wsd" && { decay_iters: 4 }) }), step, 12)).toBeCloseTo(rate, 12);
  });

  it("begins at the full rate without warm-up", () => {
    for (const schedule of ["cosine", "linear", "constant"] as const) {
      expect(learningRate(optimizer({ schedule, warmup_iters: 0 }), 0, 10)).toBe(1e-3);
    }
  });

  it("stays finite when warm-up fills the whole run, or the run has no steps", () => {
    expect(learningRate(optimizer({ warmup_iters: 5 }), 4, 5)).toBeCloseTo((1e-3 * 5) / 6, 12);
    expect(learningRate(optimizer({ warmup_iters: 5 }), 5, 5)).toBe(1e-4);
    expect(learningRate(optimizer({ warmup_iters: 0 }), 0, 0)).toBe(1e-4);
    expect(learningRate(optimizer({ warmup_iters: 9 }), 6, 5)).toBeCloseTo((1e-3 * 7) / 10, 12);
  });

  it("falls for exactly decay_iters steps with wsd, from the last at learning_rate to min_lr, also right after the warm-up", () => {
    for (const [maxIters, decay_iters] of [[50, 1], [50, 20], [50, 46]] as const) {
      const rates = Array.from({ length: maxIters + 1 }, (_, step) => learningRate(optimizer({ schedule: "wsd", decay_iters }), step, maxIters));
      expect(rates.slice(4, maxIters - decay_iters + 1)).toEqual(Array.from({ length: maxIters - decay_iters - 3 }, () => 1e-3));
      expect(rates.filter((rate, step) => step > 4 && rate < rates[step - 1]!)).toHaveLength(decay_iters);
      expect(rates[maxIters]).toBe(1e-4);
    }
  });

  it("never rises after warm-up, nor falls below min_lr", () => {
    for (const schedule of ["cosine", "linear", "wsd"] as const) {
      let last = Infinity;
      for (let step = 100; step < 2000; step++) {
        const rate = learningRate(optimizer({ schedule, warmup_iters: 100, decay_iters: 500 }), step, 2000);
        expect(rate).toBeLessThanOrEqual(last);
        expect(rate).toBeGreaterThanOrEqual(1e-4);
        last = rate;
      }
    }
  });
});
