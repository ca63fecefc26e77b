/** What the look-inside panel shows, from the engine's numbers. */
import { describe, expect, it } from "vitest";
import type { GradientNorms } from "../../../src/protocol/index.ts";
import { cellSize, depthName, headTable, moved, normGroups, shade, tokenLabel, topKeys } from "../../../src/ui/inside/inside-maths.ts";
import { stubInside, stubNorms } from "../stub-inside.ts";

describe("tokenLabel", () => {
  it.each([
    [" King", "King"],
    ["a b", "a b"],
    [" ", "␣"],
    ["  ", "␣␣"],
    ["\n", "⏎"],
    [" \n", "⏎"],
    ["\u202eabc", "·abc"],
    ["", ""],
  ])("shows %j as %j", (text, label) => expect(tokenLabel(text)).toBe(label));
});

describe("a head's table", () => {
  const view = stubInside("The King and the Queen", 5);
  const P = view.tokens.length;

  it("is the one of its layer and head: tables in order make up the whole", () => {
    const all = Array.from({ length: view.layers }, (_, layer) => Array.from({ length: view.heads }, (_unused, head) => [...headTable(view, layer, head)]).flat()).flat();
    expect(all).toEqual([...view.attention]);
    expect(headTable(view, 1, 2)).toHaveLength(P * P);
  });

  it("names where a row looks most, best first, never ahead", () => {
    const table = Float32Array.of(1, 0, 0, 0.25, 0.75, 0, 0.2, 0.6, 0.2);
    expect(topKeys(table, 3, 1, 3)).toEqual([{ key: 1, p: 0.75 }, { key: 0, p: 0.25 }]);
    expect(topKeys(table, 3, 2, 2).map(({ key }) => key)).toEqual([1, 0]);
  });
});

describe("the heat map", () => {
  it("fits its room where it can, keeps a cell that can be seen where it cannot", () => {
    expect(cellSize(20, 500)).toBe(25);
    expect(cellSize(2, 500)).toBe(44);
    expect(cellSize(256, 500)).toBe(11);
    expect(cellSize(0, 500)).toBe(44);
  });

  it("draws nothing for 0, all for 1, and more for more", () => {
    expect([shade(0), shade(1), shade(2), shade(-1)]).toEqual([0, 1, 1, 0]);
    expect(shade(0.3)).toBeGreaterThan(shade(0.2));
  });

  it("is walked by arrow keys and ends at its edges", () => {
    expect(moved({ row: 1, column: 1 }, "ArrowUp", 3, 3)).toEqual({ row: 0, column: 1 });
    expect(moved({ row: 0, column: 1 }, "ArrowUp", 3, 3)).toEqual({ row: 0, column: 1 });
    expect(moved({ row: 2, column: 1 }, "ArrowDown", 3, 3)).toEqual({ row: 2, column: 1 });
    expect(moved({ row: 1, column: 1 }, "ArrowLeft", 3, 3)).toEqual({ row: 1, column: 0 });
    expect(moved({ row: 1, column: 1 }, "End", 3, 5)).toEqual({ row: 1, column: 4 });
    expect(moved({ row: 1, column: 3 }, "Home", 3, 5)).toEqual({ row: 1, column: 0 });
    expect(moved({ row: 1, column: 1 }, "a", 3, 3)).toBeNull();
  });
});

describe("normGroups", () => {
  it("adds up squares layer by layer, in the order of the forward pass, and loses none", () => {
    const norms = stubNorms(0, 7);
    const groups = normGroups(norms);
    expect(groups.map(({ name }) => name)).toEqual(["embedding", "block 1", "block 2", "last norm, head"]);
    expect(groups.flatMap(({ parts }) => parts)).toHaveLength(norms.parts.length);
    expect(Math.hypot(...groups.map(({ norm }) => norm))).toBeCloseTo(norms.total, 12);
  });

  it("names both families' parts, and leaves out groups that train nothing", () => {
    const of = (names: readonly [string, number | null][]): GradientNorms => ({ stageIndex: 0, step: 1, total: 1, parts: names.map(([name, layer]) => ({ name, layer, norm: 1, parameters: 1 })) });
    expect(normGroups(of([["model.norm.weight", null], ["lm_head.weight", null], ["model.embed_tokens.weight", null], ["model.layers.0.mlp.up_proj.weight", 0]])).map(({ name, norm }) => [name, norm])).toEqual([["embedding", 1], ["block 1", 1], ["last norm, head", Math.SQRT2]]);
    expect(normGroups(of([["transformer.h.1.attn.c_attn.lora_A", 1]])).map(({ name }) => name)).toEqual(["block 2"]);
    expect(normGroups(of([]))).toEqual([]);
  });

  it("calls depths by what they are", () => expect([0, 1, 2].map((depth) => depthName(depth, 2))).toEqual(["embedding", "block 1", "block 2, the model"]));
});
