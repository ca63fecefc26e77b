import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ChatBatches, packRows } from "../../src/data/chat-batches.ts";
import { chatDataset, encodeChat, type ChatDataset, type ChatExample, type EncodedChat } from "../../src/data/chat.ts";
import type { Split } from "../../src/data/split.ts";
import { trainChar } from "../../src/data/tokenizer/index.ts";
import { codeOf, errorOf } from "./support.ts";

const tokenizer = trainChar(["abcdefghijklmnopqrstuvwxyz 0123456789?."]);
const exampleOf = (i: number, length = 3 + ((i * 7) % 9)): ChatExample => ({
  messages: [{ role: "user", content: `q${i}?` }, { role: "assistant", content: `${i}.`.padEnd(length, "y") }],
});
const encoded = (examples: readonly ChatExample[]): EncodedChat[] => examples.map(({ messages }) => encodeChat(tokenizer, messages));
const splitOf = ({ train, validation }: Split<ChatExample>): ChatDataset => chatDataset(tokenizer, { train: encoded(train), validation: encoded(validation) });
const datasetOf = (count: number, held = 5): ChatDataset =>
  splitOf({ train: Array.from({ length: count }, (_, i) => exampleOf(i)), validation: Array.from({ length: held }, (_, i) => exampleOf(900 + i)) });

/** The examples of a row, told apart by their starts; padding left out. */
function examplesIn(source: ChatBatches, step: number, micro: number, B: number, T: number): string[] {
  const batch = source.train(step, micro, B, T);
  const texts: string[] = [];
  for (let n = 0; n < B * T; n++) {
    if (batch.pos[n] !== 0) continue;
    let end = n;
    while (end + 1 < B * T && (end + 1) % T !== 0 && batch.start[end + 1] === batch.start[n]) end++;
    if (batch.mask.slice(n, end + 1).some((m) => m === 1)) texts.push(tokenizer.decode([...batch.ids.slice(n, end + 1), batch.targets[end]], { showSpecials: true }));
  }
  return texts;
}

const textOf = ({ ids }: EncodedChat): string => tokenizer.decode(ids, { showSpecials: true });

describe("ChatBatches", () => {
  it("asks only for the assistant's content and its end", () => {
    const dataset = datasetOf(20);
    const batch = new ChatBatches(dataset, { seed: 1 }).train(0, 0, 2, 64);
    const asked = [...batch.targets].filter((_, n) => batch.mask[n] === 1);
    expect(asked.length).toBe(batch.tokens);
    expect(batch.tokens).toBeGreaterThan(0);
    // Answers here are a space, digits, a full stop and y: no letter of a question, no marker but the end.
    expect(tokenizer.decode(asked, { showSpecials: true }).replaceAll("<|end|>", "")).toMatch(/^[ 0-9.y]+$/);
    const shifted = (n: number): boolean => batch.start[n] !== batch.start[n + 1] || batch.mask[n] * batch.mask[n + 1] === 0 || batch.targets[n] === batch.ids[n + 1];
    expect(Array.from({ length: batch.ids.length - 1 }, (_, n) => n).filter((n) => !shifted(n))).toEqual([]);
  });

  it("packs whole examples, each its own document", () => {
    const dataset = datasetOf(40);
    const known = new Set(dataset.train.map(textOf));
    const source = new ChatBatches(dataset, { seed: 1 });
    const batch = source.train(0, 0, 4, 50);
    for (const text of examplesIn(source, 0, 0, 4, 50)) expect(known).toContain(text);
    expect(Array.from(batch.pos, (pos, n) => pos === (n % 50) - batch.start[n])).not.toContain(false);
  });

  it("pads a row behind its examples with a document of its own that is never asked for", () => {
    const dataset = datasetOf(3);
    const filled = dataset.train.reduce((sum, { ids }) => sum + ids.length - 1, 0);
    const T = filled + 10;
    const batch = new ChatBatches(dataset, { seed: 1 }).train(0, 0, 1, T);
    expect([...batch.start.subarray(filled)]).toEqual(Array.from({ length: 10 }, () => filled));
    expect([...batch.pos.subarray(filled)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect([...batch.mask.subarray(filled)]).toEqual(Array.from({ length: 10 }, () => 0));
    expect(batch.start.subarray(0, filled)).not.toContain(filled);
  });

  it("shows every example once an epoch, then again in another order", () => {
    const dataset = datasetOf(30);
    const source = new ChatBatches(dataset, { seed: 1, accumulation: 2 });
    const seen: string[] = [];
    for (let step = 0; seen.length < 60; step++) for (const micro of [0, 1]) seen.push(...examplesIn(source, step, micro, 1, 40));
    const all = dataset.train.map(textOf).sort();
    expect(seen.slice(0, 30).sort()).toEqual(all);
    expect(seen.slice(30, 60).sort()).toEqual(all);
    expect(seen.slice(0, 30)).not.toEqual(seen.slice(30, 60));
  });

  it("is a function of seed, step and micro: a fresh source far into training gives the same batch", () => {
    const dataset = datasetOf(25);
    const walked = new ChatBatches(dataset, { seed: 8 });
    for (let step = 0; step < 100; step++) walked.train(step, 0, 2, 40);
    walked.evaluate(0, 2, 24);
    expect(walked.train(77, 0, 2, 40)).toEqual(new ChatBatches(dataset, { seed: 8 }).train(77, 0, 2, 40));
    expect(walked.train(77, 0, 2, 40).ids).not.toEqual(walked.train(78, 0, 2, 40).ids);
    expect(walked.train(0, 0, 4, 40).ids).not.toEqual(new ChatBatches(dataset, { seed: 9 }).train(0, 0, 4, 40).ids);
    const micros = new ChatBatches(dataset, { seed: 8, accumulation: 2 });
    expect(micros.train(3, 1, 2, 40).ids).not.toEqual(micros.train(3, 0, 2, 40).ids);
  });

  it("evaluates on held-out examples only, without end", () => {
    const source = new ChatBatches(datasetOf(10), { seed: 1 });
    for (let index = 0; index < 6; index++) {
      const batch = source.evaluate(index, 2, 30);
      const questions = tokenizer.decode(batch.ids).match(/q\d+/g) ?? [];
      expect(questions.length).toBeGreaterThan(0);
      for (const question of questions) expect(Number(question.slice(1))).toBeGreaterThanOrEqual(900);
      expect(source.evaluate(index, 2, 30)).toEqual(batch);
    }
  });

  it("leaves out examples longer than a row and counts them; one that just fits stays", () => {
    const short = exampleOf(1, 4);
    const columns = encodeChat(tokenizer, short.messages).ids.length - 1;
    const dataset = splitOf({ train: [short, exampleOf(2, 30)], validation: [] });
    const source = new ChatBatches(dataset, { seed: 1 });
    expect(source.skipped(columns)).toEqual({ train: 1, validation: 0 });
    expect(examplesIn(source, 0, 0, 1, columns)).toEqual([textOf(dataset.train[0])]);
    expect(errorOf(() => source.train(0, 0, 1, columns - 1))).toMatchObject({ code: "CONFIG_RANGE", details: { value: columns - 1, examples: 2 } });
    expect(codeOf(() => source.evaluate(0, 1, 40))).toBe("DATA_EMPTY");
  });

  it("has a hash that follows the examples and their split", () => {
    expect(datasetOf(10).hash).toBe(datasetOf(10).hash);
    expect(datasetOf(10).hash).not.toBe(datasetOf(11).hash);
    const [a, b] = [exampleOf(1), exampleOf(2)];
    expect(splitOf({ train: [a, b], validation: [] }).hash).not.toBe(splitOf({ train: [a], validation: [b] }).hash);
  });
});

describe("packRows", () => {
  it("places every item once, overfills no row, and leaves no two rows that fit into one", () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 60 }), (sizes) => {
      const rows = packRows(sizes.map((_, i) => i), (i) => sizes[i], 20);
      expect(rows.flat().sort((a, b) => a - b)).toEqual(sizes.map((_, i) => i));
      const filled = rows.map((items) => items.reduce((sum, i) => sum + sizes[i], 0));
      for (const sum of filled) expect(sum).toBeLessThanOrEqual(20);
      // A row is opened only where no open one has room: no two can both be at most half full.
      expect(filled.filter((sum) => sum <= 10).length).toBeLessThanOrEqual(1);
    }));
  });

  it("takes the fullest row that still fits", () => {
    expect(packRows([0, 1, 2, 3], (i) => [6, 7, 3, 4][i], 10)).toEqual([[0, 3], [1, 2]]);
  });
});
