/** Curves stay bounded and true: however many points come, range, mean and order hold, and going back to a checkpoint cuts. */
import { describe, expect, it } from "vitest";
import type { MetricRow } from "../../src/protocol/index.ts";
import { BoundedSeries, Curves } from "../../src/ui/series.ts";

const row = (globalStep: number, loss: number, stageIndex = 0, more: Partial<MetricRow> = {}): MetricRow => ({
  stageIndex, step: globalStep, globalStep, tokens: globalStep * 64, trainMs: globalStep * 10, "train/loss": loss, ...more,
});

describe("BoundedSeries", () => {
  it("holds a million points in at most 4,096 with range, mean and order kept", () => {
    const series = new BoundedSeries();
    let sum = 0;
    for (let step = 1; step <= 1_000_000; step++) {
      const value = step === 654_321 ? 99 : Math.sin(step);
      sum += value;
      series.push(step, step * 10, step, value);
    }
    const { x, y, lo, hi, count } = series.points("step");
    expect(x.length).toBeLessThanOrEqual(4096);
    expect(x.length).toBeGreaterThan(2000);
    expect(Math.max(...Array.from(hi))).toBe(99);
    expect(Math.min(...Array.from(lo))).toBeGreaterThan(-1.001);
    const counts = Array.from(count);
    expect(counts.reduce((a, b) => a + b, 0)).toBe(1_000_000);
    expect(Array.from(y).reduce((a, mean, i) => a + mean * counts[i], 0)).toBeCloseTo(sum, 4);
    expect(Array.from(x).every((value, i) => i === 0 || value > x[i - 1])).toBe(true);
    expect(x[x.length - 1]).toBe(1_000_000);
  });

  it("runs over steps, tokens and seconds of training", () => {
    const series = new BoundedSeries();
    series.push(3, 192, 1500, 2);
    expect([series.points("step").x[0], series.points("tokens").x[0], series.points("time").x[0]]).toEqual([3, 192, 1.5]);
  });

  it("draws no point for a value that is not finite, and remembers it as the last", () => {
    const series = new BoundedSeries();
    series.push(1, 1, 1, 2);
    series.push(2, 2, 2, NaN);
    expect(series.length).toBe(1);
    expect(series.last).toBeNaN();
  });
});

describe("Curves", () => {
  it("is another object after each append, so that a component sees the change", () => {
    const one = Curves.empty.append([row(1, 5)]);
    expect(one).not.toBe(Curves.empty);
    expect(one.append([row(2, 4)])).not.toBe(one);
    expect(one.append([])).toBe(one);
  });

  it("keeps stages apart and tells the last value over both", () => {
    const curves = Curves.empty.append([row(1, 5), row(2, 4), row(3, 2, 1, { "val/old_loss": 1.9 })]);
    expect(curves.stages.map((stage) => stage["train/loss"].length)).toEqual([2, 1]);
    expect(curves.last("val/old_loss")).toBe(1.9);
    expect(curves.last("lr")).toBeUndefined();
    expect(curves.latest().stages.map((stage) => stage["train/loss"].length)).toEqual([0, 1]);
  });

  it("starts the shown loss anew with a stage", () => {
    const curves = Curves.empty.append([row(1, 5), row(2, 5), row(3, 1, 1)]);
    expect(curves.loss).toBe(1);
  });

  it("recovers the shown loss after one that was not a number", () => {
    expect(Curves.empty.append([row(1, 5), row(2, NaN), row(3, 4)]).loss).toBe(4);
  });

  it("cuts what came after the checkpoint that a run went back to", () => {
    const curves = Curves.empty.append([row(1, 5), row(2, 4), row(3, 3), row(4, 2)]).append([row(3, 3.5)]);
    const { x, y } = curves.stages[0]["train/loss"].points("step");
    expect([Array.from(x), Array.from(y)]).toEqual([[1, 2, 3], [5, 4, 3.5]]);
  });

  it("does not cut at an evaluation that shares its step with a training row", () => {
    const curves = Curves.empty.append([row(1, 5), row(2, 4)]).append([{ stageIndex: 0, step: 2, globalStep: 2, tokens: 128, trainMs: 20, "val/loss": 4.2 }]);
    expect(curves.stages[0]["train/loss"].length).toBe(2);
    expect(curves.stages[0]["val/loss"].last).toBe(4.2);
  });

  it("knows tokens and training time as of the last row", () => {
    const curves = Curves.empty.append([row(1, 5), row(2, 4)]);
    expect([curves.tokens, curves.trainMs, curves.lastStep]).toEqual([128, 20, 2]);
  });
});
