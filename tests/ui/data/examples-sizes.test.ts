/** Which rows of the examples' table are asked for their tokens, and which are too long. */
import { expect, it } from "vitest";
import { ExampleSizes } from "../../../src/ui/data/examples-sizes.ts";
import type { ExampleRow } from "../../../src/ui/data/examples-rows.ts";

const row = (question: string, answer = "me"): ExampleRow => ({ question, answer });
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

it("asks once for each row that could be too long, one after another, and knows those that are", async () => {
  const asked: (ExampleRow & { tell: (tokens: number) => void })[] = [];
  let changes = 0;
  const rows = [row("who?"), row("x".repeat(70)), row("y".repeat(90)), row("\u{1f423}".repeat(16))];
  const sizes = new ExampleSizes((detail) => void asked.push(detail), () => {
    changes++;
    sizes.measure(rows, 64);
  });
  for (let i = 0; i < 3; i++) sizes.measure(rows, 64);
  await settled();
  expect(asked.map(({ question }) => question)).toEqual([rows[1]!.question]);
  asked[0]!.tell(65);
  await settled();
  asked[1]!.tell(66);
  await settled();
  asked[2]!.tell(20);
  await settled();
  expect([asked.length, changes]).toEqual([3, 3]);
  expect(rows.map((each) => sizes.tooLong(each, 64))).toEqual([false, false, true, false]);
  expect(sizes.tokens(rows[2]!)).toBe(66);
});

it("finds nothing too long where no context is known, and goes on after an answer that never came", async () => {
  const asked: string[] = [];
  const sizes = new ExampleSizes(({ question }) => void asked.push(question), () => undefined);
  sizes.measure([row("x".repeat(100))], 0);
  sizes.measure([row("x".repeat(100))], 16);
  sizes.measure([row("y".repeat(100))], 16);
  await settled();
  expect(asked.map((text) => text[0])).toEqual(["x", "y"]);
  expect(sizes.tooLong(row("x".repeat(100)), 0)).toBe(false);
});
