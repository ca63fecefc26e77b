/** Rows of examples: every common form of a pasted table is read, plain prose is not taken for one, and the recipe fits a minute. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { presetByName } from "../../src/protocol/presets.ts";
import { validateRecipe } from "../../src/protocol/recipe-fields.ts";
import { examplesRecipe, parseDelimited, parseRows, rowsToJsonl, wholeRows } from "../../src/ui/examples-rows.ts";

const two = [{ question: "Who?", answer: "Dora." }, { question: "Where, exactly?", answer: 'In "Wexford"' }];

describe("parseRows", () => {
  it.each([
    ["a spreadsheet's tabs", 'Who?\tDora.\nWhere, exactly?\t"In ""Wexford"""\n'],
    ["commas with a header and Windows line ends", 'question,answer\r\nWho?,Dora.\r\n"Where, exactly?","In ""Wexford"""\r\n'],
    ["semicolons", 'Who?;Dora.\nWhere, exactly?;"In ""Wexford"""'],
    ["messages", two.map(({ question, answer }) => JSON.stringify({ messages: [{ role: "user", content: question }, { role: "assistant", content: answer }] })).join("\n")],
    ["prompt and completion", two.map(({ question, answer }) => JSON.stringify({ prompt: question, completion: answer })).join("\n\n")],
    ["instruction and output", two.map(({ question, answer }) => JSON.stringify({ instruction: question, input: "", output: answer })).join("\n")],
  ])("reads %s", (_what, text) => {
    expect(parseRows(text)).toEqual(two);
  });

  it("keeps a line break inside quotes, and an instruction's input", () => {
    expect(parseRows('a\t"b\nc"')).toEqual([{ question: "a", answer: "b\nc" }]);
    expect(parseRows('{"instruction":"Add","input":"1 2","output":"3"}')).toEqual([{ question: "Add\n\n1 2", answer: "3" }]);
  });

  it.each(["One line of prose.", "Hello, you", "Well, well, said the fox, and left.\nNobody, however, saw it.", "", "{not json}"])("takes %j for no table", (text) => {
    expect(parseRows(text)).toEqual([]);
  });

  it("gives back what was written with tabs, whatever it was", () => {
    const cell = fc.string({ minLength: 1, maxLength: 20 }).map((text) => text.replaceAll("\r", "")).filter((text) => text.trim() !== "");
    fc.assert(fc.property(fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 8 }), (rows) => {
      const quote = (text: string): string => `"${text.replaceAll('"', '""')}"`;
      expect(parseDelimited(rows.map((row) => row.map(quote).join("\t")).join("\n"), "\t")).toEqual(rows);
    }));
  });
});

describe("rows", () => {
  it("count only where both sides are filled, trimmed, and become conversations", () => {
    const rows = wholeRows([{ question: " a ", answer: "b" }, { question: "c", answer: "  " }]);
    expect(rows).toEqual([{ question: "a", answer: "b" }]);
    expect(JSON.parse(rowsToJsonl(rows))).toEqual({ messages: [{ role: "user", content: "a" }, { role: "assistant", content: "b" }] });
  });
});

describe("examplesRecipe", () => {
  const rows = (count: number) => Array.from({ length: count }, () => ({ question: "What is this?", answer: "An answer of some length." }));
  const steps = (count: number, tokensPerSec?: number): number => examplesRecipe(presetByName("first-light")!, "own:abc", rows(count), tokensPerSec).stages[1]!.max_iters;

  it("is a valid recipe on the person's data alone", () => {
    const recipe = validateRecipe(examplesRecipe(presetByName("first-light")!, "own:abc", rows(5), 1e4));
    expect(recipe.stages[1]!.data).toEqual([{ corpus: "own:abc", weight: 1 }]);
    expect(recipe.stages[0]).toEqual(presetByName("first-light")!.stages[0]);
  });

  it("sees more examples longer, and never plans more than a minute of this machine", () => {
    expect(steps(5, 1e6)).toBe(60);
    expect(steps(200, 1e6)).toBeGreaterThan(200);
    // 512 tokens a step: 1,000 tokens/s do 117 steps a minute.
    expect(steps(200, 1000)).toBe(117);
    expect(steps(200)).toBe(60);
  });
});
