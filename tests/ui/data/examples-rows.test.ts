/** Rows of examples: which count, what is written of them, and a recipe that learns them within a minute. */
import { describe, expect, it } from "vitest";
import { presetByName } from "../../../src/protocol/presets.ts";
import { validateRecipe } from "../../../src/protocol/recipe-fields.ts";
import type { Recipe, SftStage } from "../../../src/protocol/recipe.ts";
import { examplesRecipe, rowsToJsonl, wholeRows } from "../../../src/ui/data/examples-rows.ts";

describe("rows", () => {
  it("count only where both sides are filled, trimmed, and become conversations", () => {
    const rows = wholeRows([{ question: " a ", answer: "b" }, { question: "c", answer: "  " }]);
    expect(rows).toEqual([{ question: "a", answer: "b" }]);
    expect(JSON.parse(rowsToJsonl(rows))).toEqual({ messages: [{ role: "user", content: "a" }, { role: "assistant", content: "b" }] });
  });
});

describe("examplesRecipe", () => {
  const preset = presetByName("first-light")!;
  const rows = (count: number) => Array.from({ length: count }, () => ({ question: "What is this?", answer: "An answer of some length." }));
  const tuned = (count: number, tokensPerSec?: number, recipe: Recipe = preset): SftStage => examplesRecipe(recipe, "own:abc", rows(count), tokensPerSec).stages[1] as SftStage;
  const steps = (count: number, tokensPerSec?: number): number => tuned(count, tokensPerSec).max_iters;
  const rate = (count: number, tokensPerSec?: number): number => tuned(count, tokensPerSec).optimizer.learning_rate;
  const withLora: Recipe = { ...preset, stages: preset.stages.map((stage) => (stage.kind === "sft" ? { ...stage, method: { type: "lora", r: 8, lora_alpha: 16, target_modules: ["c_attn"] } } : stage)) };

  it("is a valid recipe on the person's data alone, on any machine and by either method", () => {
    for (const [recipe, speed] of [[preset, 1e4], [preset, 10], [preset, undefined], [withLora, 1e4]] as const) {
      const made = validateRecipe(examplesRecipe(recipe, "own:abc", rows(5), speed));
      expect(made.stages[1]!.data).toEqual([{ corpus: "own:abc", weight: 1 }]);
      expect(made.stages[0]).toEqual(recipe.stages[0]);
    }
  });

  // What these steps teach is measured by the nightly "examples".
  it("takes the steps that rows need to be known by heart: some at any rate, and the more rows the more", () => {
    expect(steps(5, 1e6)).toBeGreaterThan(100);
    expect(steps(30, 1e6) - steps(5, 1e6)).toBeGreaterThan(50);
    expect(steps(200, 1e6)).toBeGreaterThan(500);
    expect(rate(200, 1e6)).toBe(preset.stages[1]!.optimizer.learning_rate);
    expect(tuned(10, 1e6, withLora).max_iters).toBeGreaterThan(steps(10, 1e6));
  });

  it("plans no more than 50 s of training on this machine, and makes up for steps with the rate", () => {
    for (const speed of [500, 1000, 3000]) expect((steps(200, speed) * 512) / speed).toBeLessThanOrEqual(50);
    // 512 tokens a step: 1,000 tokens/s do 97 steps in 50 s.
    expect(steps(200, 1000)).toBe(97);
    expect(rate(30, 1000)).toBeGreaterThan(rate(30, 1e6));
    expect(rate(200, 1000)).toBe(4 * rate(200, 1e6));
    expect(tuned(200, 1000).optimizer.min_lr).toBeLessThan(rate(200, 1000));
  });

  it("does not fall back to a handful of steps where the machine was not measured", () => {
    expect(steps(10)).toBe(steps(10, 1e6));
    expect(steps(200)).toBeGreaterThan(400);
  });
});
