/** Curves stay true: stages stay apart, what is shown as now is now, and going back to a checkpoint cuts. */
import { describe, expect, it } from "vitest";
import type { MetricRow } from "../../../src/protocol/index.ts";
import { Curves } from "../../../src/ui/charts/series.ts";

const row = (globalStep: number, loss: number, stageIndex = 0, more: Partial<MetricRow> = {}): MetricRow => ({
  stageIndex, step: globalStep, globalStep, tokens: globalStep * 64, trainMs: globalStep * 10, "train/loss": loss, ...more,
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

  it("shows the mean of the last ten losses, and of what came again after going back", () => {
    const curves = Curves.empty.append(Array.from({ length: 30 }, (_, i) => row(i + 1, 30 - i)));
    expect(curves.loss).toBe(5.5);
    expect(curves.append([row(11, 8), row(12, 6)]).loss).toBe(7);
  });

  it("knows where a step over all stages stands on every axis", () => {
    const curves = Curves.empty.append([row(1, 5), row(2, 4), row(3, 2, 1), row(4, 1, 1)]);
    expect([2, 3].map((step) => [curves.xOf(step, "step"), curves.xOf(step, "tokens"), curves.xOf(step, "time")])).toEqual([[2, 128, 0.02], [3, 192, 0.03]]);
    // Turned before anything was trained, and after the last step so far.
    expect([curves.xOf(0, "tokens"), curves.xOf(9, "tokens"), Curves.empty.xOf(1, "tokens")]).toEqual([64, 256, undefined]);
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
