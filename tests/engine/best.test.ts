/** What counts as a stage's best, when waiting for better ends, and what a checkpoint keeps of it. */
import { describe, expect, it } from "vitest";
import { BestOfStage, metricOf } from "../../src/engine/best.ts";
import { presetByName } from "../../src/protocol/presets.ts";
import type { SftStage } from "../../src/protocol/recipe.ts";

const sft = presetByName("first-light")!.stages[1] as SftStage;
const weightsOf = (value: number): ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }> => new Map([["w", { shape: [2], data: Float32Array.of(value, value) }]]);

async function fed(stage: SftStage, values: readonly number[]): Promise<BestOfStage> {
  const best = new BestOfStage(stage);
  for (const [i, value] of values.entries()) await best.note({ "val/loss": value }, 10 * i, () => Promise.resolve(weightsOf(value)));
  return best;
}

describe("the best of a stage", () => {
  it("is the lowest evaluation, the first of equals, and what is not finite is none", async () => {
    expect((await fed(sft, [3, 2, NaN, 2, Infinity, 2.5])).state).toMatchObject({ value: 2, step: 10, since: 4 });
    expect((await fed(sft, [NaN, Infinity])).state).toBeNull();
  });

  it("ends a stage after so many evaluations without a better one, and never where no patience is set", async () => {
    const patient = { ...sft, early_stopping_patience: 2 };
    expect((await fed(patient, [3, 2, 2.1])).isOver).toBe(false);
    expect((await fed(patient, [3, 2, 2.1, 2.2])).isOver).toBe(true);
    expect((await fed(patient, [3, 2, 2.1, 1.9, 2])).isOver).toBe(false);
    expect((await fed(sft, [1, 2, 3, 4, 5, 6])).isOver).toBe(false);
  });

  it("keeps the weights only where they are asked for, and hands them out only where others stand", async () => {
    const keeps = { ...sft, load_best_model_at_end: true };
    const best = await fed(keeps, [3, 1, 2]);
    expect(best.at(20)!.weights.get("w")!.data[0]).toBe(1);
    expect(best.at(10)).toBeNull();
    expect((await fed(sft, [3, 1, 2])).at(20)).toBeNull();
    expect((await fed(sft, [3, 1, 2])).held).toEqual([]);
    const again = new BestOfStage(keeps);
    again.restore(best.state!, new Map(best.held), weightsOf(9));
    expect(again.at(20)!.weights).toEqual(best.at(20)!.weights);
    const lost = new BestOfStage(keeps);
    lost.restore(best.state!, new Map(), weightsOf(9));
    expect([lost.at(20), lost.state]).toEqual([null, best.state]);
  });

  it("looks at the stage's own loss, at the mean of what was learned before, or at the mean of both", () => {
    const row = { "val/loss": 1, "val/earlier": { a: 2, b: 4 } };
    expect([metricOf("val/loss", row), metricOf("val/old_loss", row), metricOf("mean", row)]).toEqual([1, 3, 2]);
    expect([metricOf("val/old_loss", { "val/loss": 1 }), metricOf("mean", { "val/loss": 1 })]).toEqual([undefined, undefined]);
  });
});
