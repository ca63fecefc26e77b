import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { splitDocuments, splitExamples, splitStream, splitTail, STREAM_SEPARATOR } from "../../src/data/split.ts";

const documents = (count: number): string[] => Array.from({ length: count }, (_, i) => `<${i}>${"x".repeat(50 + ((i * 37) % 50))}`);
const size = (texts: readonly string[]): number => texts.join("").length;
const text = fc.string({ unit: "binary", minLength: 1, maxLength: 40 });

describe("splitDocuments", () => {
  it("holds out whole documents, near the share asked for, and loses none", () => {
    fc.assert(fc.property(fc.integer({ min: 10, max: 200 }), fc.integer({ min: 0, max: 9 }), (count, seed) => {
      const all = documents(count);
      const { train, validation } = splitDocuments(all, 0.1, seed);
      expect([...train, ...validation].sort()).toEqual([...all].sort());
      expect(validation.some((document) => train.includes(document))).toBe(false);
      expect(Math.abs(size(validation) - 0.1 * size(all))).toBeLessThanOrEqual(60);
    }));
  });

  it("keeps the order of the documents in both parts", () => {
    const all = documents(60);
    const { train, validation } = splitDocuments(all);
    for (const part of [train, validation]) expect(part.map((d) => all.indexOf(d))).toEqual(part.map((d) => all.indexOf(d)).sort((a, b) => a - b));
    expect(validation.map((d) => all.indexOf(d)).some((i) => i < 50)).toBe(true);
  });

  it("gives the same split for the same seed and another for another", () => {
    expect(splitDocuments(documents(60), 0.1, 3)).toEqual(splitDocuments(documents(60), 0.1, 3));
    expect(splitDocuments(documents(60), 0.1, 3)).not.toEqual(splitDocuments(documents(60), 0.1, 4));
  });

  it("cuts the end off where there are fewer than ten documents", () => {
    expect(splitDocuments(["abcdefghij"], 0.1)).toEqual({ train: ["abcdefghi"], validation: ["j"] });
    expect(splitDocuments(documents(9), 0.2)).toEqual(splitTail(documents(9), 0.2));
  });

  it("falls back to the end of the text where every document is larger than the share", () => {
    const all = Array.from({ length: 10 }, () => "y".repeat(100));
    expect(size(splitDocuments(all, 0.01).validation)).toBe(10);
  });
});

describe("splitTail and splitStream", () => {
  it("cut at 90 % of the characters, as nanoGPT does on ASCII text", () => {
    const data = "To be, or not to be. ".repeat(123);
    const border = Math.floor(data.length * 0.9);
    expect(splitStream([data])).toEqual({ train: [data.slice(0, border)], validation: [data.slice(border)] });
    const two = splitStream(["abc", "def"], 0.5);
    expect(two.train[0] + two.validation[0]).toBe(`abc${STREAM_SEPARATOR}def`);
  });

  it("lose nothing, change no order and never cut through a character", () => {
    fc.assert(fc.property(fc.array(text, { minLength: 1, maxLength: 8 }), fc.double({ min: 0, max: 1, noNaN: true }), (all, share) => {
      const { train, validation } = splitTail(all, share);
      expect([...train, ...validation].join("")).toBe(all.join(""));
      for (const part of [...train, ...validation]) expect(part).not.toMatch(/\p{Surrogate}/u);
      expect(Math.abs(size(train) - size(all) * (1 - share))).toBeLessThanOrEqual(2);
    }));
  });
});

describe("splitExamples", () => {
  it("holds out at least one of two, never all, and loses none", () => {
    fc.assert(fc.property(fc.integer({ min: 2, max: 300 }), fc.double({ min: 0.001, max: 1, noNaN: true }), (count, share) => {
      const all = Array.from({ length: count }, (_, i) => i);
      const { train, validation } = splitExamples(all, share);
      expect([...train, ...validation].sort((a, b) => a - b)).toEqual(all);
      expect(train.length).toBeGreaterThan(0);
      expect(validation.length).toBeGreaterThan(0);
    }));
    expect(splitExamples(["only"])).toEqual({ train: ["only"], validation: [] });
    expect(splitExamples([1, 2, 3], 0)).toEqual({ train: [1, 2, 3], validation: [] });
  });
});
