/** What Ask offers to ask: one's own questions only where the run was trained on them. */
import { afterEach, expect, it, vi } from "vitest";
import { presetByName } from "../../../src/protocol/presets.ts";
import { askSuggestions, WORLD_QUESTIONS } from "../../../src/ui/answers/ask-suggestions.ts";
import { keepRows, keptRows } from "../../../src/ui/data/examples-kept.ts";
import { examplesRecipe, type ExampleRow } from "../../../src/ui/data/examples-rows.ts";

const rows: readonly ExampleRow[] = ["Who bakes?", " ", "Who sings?", "Who swims?", "Who paints?"].map((question) => ({ question, answer: "Ada." }));
const world = { recipe: presetByName("first-light")! };
const mine = { recipe: examplesRecipe(world.recipe, "own:0123456789abcdef", rows) };

function keepIn(storage: Partial<Storage>): void {
  vi.stubGlobal("localStorage", storage);
}

afterEach(() => void vi.unstubAllGlobals());

it("offers the first three whole questions of the rows that were trained on, and the made world's of any other run", () => {
  const kept = new Map<string, string>();
  keepIn({ getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value) });
  expect(askSuggestions(mine)).toEqual(WORLD_QUESTIONS);
  expect(keepRows(rows)).toBe(true);
  expect(keptRows()).toEqual(rows);
  expect(askSuggestions(mine)).toEqual(["Who bakes?", "Who sings?", "Who swims?"]);
  expect(askSuggestions(world)).toEqual(WORLD_QUESTIONS);
  expect(askSuggestions(null)).toEqual(WORLD_QUESTIONS);
});

it("falls back where the browser keeps nothing, or what is kept is no table", () => {
  keepIn({ getItem: () => { throw new Error("refused"); }, setItem: () => { throw new Error("refused"); } });
  expect(keepRows(rows)).toBe(false);
  expect(askSuggestions(mine)).toEqual(WORLD_QUESTIONS);
  keepIn({ getItem: () => "{broken" });
  expect(askSuggestions(mine)).toEqual(WORLD_QUESTIONS);
  keepIn({ getItem: () => JSON.stringify([null, { question: 7 }]) });
  expect(askSuggestions(mine)).toEqual(WORLD_QUESTIONS);
});
