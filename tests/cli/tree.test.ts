/** Pipelines are recipes that grow out of each other, and their tree says what was measured, under the parent that it stands on. */
import { describe, expect, it } from "vitest";
import { treeLines, type TreeNode } from "../../src/cli/tree.ts";
import { pipelineByName, pipelines } from "../../src/protocol/pipelines.ts";
import { validateRecipe } from "../../src/protocol/recipe-fields.ts";

describe("a pipeline", () => {
  it.each(pipelines.map((pipeline) => [pipeline.name, pipeline] as const))("%s names its nodes once, each parent before its children, and each is a recipe that starts where it says", (name, pipeline) => {
    expect(pipelineByName(name)).toBe(pipeline);
    const seen = new Set<string>();
    for (const { id, parent, recipe } of pipeline.nodes) {
      expect(seen.has(id)).toBe(false);
      expect(parent === null || seen.has(parent), id).toBe(true);
      expect(validateRecipe(recipe)).toBe(recipe);
      expect(recipe.stages[0]!.kind === "pretrain").toBe(parent === null);
      seen.add(id);
    }
  });

  it("has every kind of stage, and siblings, in full-pipeline", () => {
    const { nodes } = pipelineByName("full-pipeline")!;
    expect(nodes.flatMap(({ recipe }) => recipe.stages.map(({ kind }) => kind))).toEqual(["pretrain", "continue", "sft", "sft", "dpo"]);
    expect(nodes.filter(({ parent }) => parent === "mid-train").map(({ recipe: { stages: [stage] } }) => stage!.kind === "sft" && stage!.method.type)).toEqual(["full", "lora"]);
  });
});

describe("the tree", () => {
  const row = (loss: number, more: object = {}): object => ({ "val/loss": loss, ...more });
  const nodes: readonly TreeNode[] = [
    { id: "base", parent: null, steps: 10, seconds: 1.25, rows: [row(6), row(2), { quiz_right: 3, quiz_total: 50 }] },
    { id: "b", parent: "base", steps: 4, seconds: 0.5, rows: [row(3, { "val/earlier": { Base: 2 } }), row(1, { "val/earlier": { Base: 2.5 }, "val/preferred": 1, quiz_right: 9, quiz_total: 50 })] },
    { id: "a", parent: "base", steps: 4, seconds: 0.5, rows: [] },
    { id: "b1", parent: "b", steps: 2, seconds: 0.1, rows: [row(1, { "val/preferred": 0, quiz_right: 9, quiz_total: 50 }), row(0.5, { "val/preferred": 0.75, quiz_right: 8, quiz_total: 50 })] },
  ];

  it("puts each child under its parent, with the number before beside the number after", () => {
    expect(treeLines(nodes)).toEqual([
      "base: 10 steps, 1.3 s",
      "      held-out loss 6.000 -> 2.000 (-4.000)",
      "      world questions right 3 of 50",
      "   +- b: 4 steps, 0.5 s",
      "         held-out loss 3.000 -> 1.000 (-2.000)",
      "         world questions right 9 of 50",
      "         forgetting, loss of \"Base\" 2.000 -> 2.500 (+0.500)",
      "      +- b1: 2 steps, 0.1 s",
      "            held-out loss 1.000 -> 0.500 (-0.500)",
      "            held-out pairs preferred 0.000 -> 0.750 (+0.750)",
      "            world questions right 9 -> 8 of 50",
      "   +- a: 4 steps, 0.5 s",
      "         not evaluated",
    ]);
  });
});
