import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BpeTokenizer, SPECIAL_TOKENS, trainBpe } from "../../src/data/tokenizer/index.ts";
import { Heap } from "../../src/data/tokenizer/heap.ts";
import { preTokenize } from "../../src/data/tokenizer/pretokenize.ts";
import { rejectionOf } from "./support.ts";

const TEXT = "the cat sat on the mat, the cat that sat. The hat! ".repeat(30);
const FIRST = SPECIAL_TOKENS.length;

/** The textbook trainer: counts every pair anew before each merge. Ties go to the pair with the smaller ids. */
function naiveMerges(text: string, vocabSize: number): [number, number][] {
  const words: number[][] = [];
  preTokenize(text, (start, end) => words.push(Array.from(new TextEncoder().encode(text.slice(start, end)), (byte) => byte + FIRST)));
  const merges: [number, number][] = [];
  for (let next = FIRST + 256; next < vocabSize; next++) {
    const counts = new Map<string, { pair: [number, number]; count: number }>();
    for (const word of words) {
      for (let i = 1; i < word.length; i++) {
        const key = `${word[i - 1]},${word[i]}`;
        const entry = counts.get(key) ?? { pair: [word[i - 1], word[i]], count: 0 };
        entry.count++;
        counts.set(key, entry);
      }
    }
    const [best] = [...counts.values()].sort((x, y) => y.count - x.count || x.pair[0] - y.pair[0] || x.pair[1] - y.pair[1]);
    if (!best || best.count < 2) break;
    const [a, b] = best.pair;
    merges.push(best.pair);
    for (const word of words) {
      for (let i = 0; i + 1 < word.length; i++) if (word[i] === a && word[i + 1] === b) word.splice(i, 2, next);
    }
  }
  return merges;
}

function mergesOf(tokenizer: BpeTokenizer): [string, string][] {
  const { model } = tokenizer.toHuggingFace().tokenizerJson as { model: { merges: string[] } };
  return model.merges.map((merge) => merge.split(" ") as [string, string]);
}

function namesOf(tokenizer: BpeTokenizer): string[] {
  const { model } = tokenizer.toHuggingFace().tokenizerJson as { model: { vocab: Record<string, number> } };
  return Object.entries(model.vocab).sort((x, y) => x[1] - y[1]).map(([token]) => token);
}

describe("trainBpe", () => {
  it("makes the merges of a trainer that counts anew before each", async () => {
    const unit = fc.constantFrom("a", "b", "aa", "ab", "ba", "aba", " ", "c", "é");
    await fc.assert(fc.asyncProperty(fc.array(unit, { minLength: 5, maxLength: 120 }), async (units) => {
      const text = units.join("");
      const tokenizer = await trainBpe([text], { vocabSize: 280 });
      const names = namesOf(tokenizer);
      expect(mergesOf(tokenizer)).toEqual(naiveMerges(text, 280).map(([a, b]) => [names[a], names[b]]));
    }), { numRuns: 150 });
  });

  it("makes the same tokenizer from the same texts, and another from a smaller limit", async () => {
    const one = await trainBpe([TEXT, TEXT], { vocabSize: 270 });
    const two = await trainBpe([TEXT, TEXT], { vocabSize: 270 });
    expect(two.hash).toBe(one.hash);
    expect(one.vocabSize).toBe(270);
    expect((await trainBpe([TEXT], { vocabSize: 269 })).hash).not.toBe(one.hash);
  });

  it("stops early where no pair comes twice", async () => {
    const tokenizer = await trainBpe(["abcdefg"], { vocabSize: 1000 });
    expect(tokenizer.vocabSize).toBe(FIRST + 256);
  });

  it("spells the most frequent words as one token", async () => {
    const tokenizer = await trainBpe([TEXT], { vocabSize: 300 });
    expect(tokenizer.encode(" the")).toHaveLength(1);
    expect(tokenizer.encode(" cat")).toHaveLength(1);
  });

  it("refuses a vocabulary too small for the bytes, or absurdly large, naming the field", async () => {
    for (const vocabSize of [0, FIRST + 255, 1e9, NaN, 300.5]) {
      const error = await rejectionOf(trainBpe([TEXT], { vocabSize }));
      expect(error).toMatchObject({ code: "CONFIG_RANGE", details: { field: "vocab_size", value: vocabSize } });
    }
    expect((await trainBpe([""], { vocabSize: FIRST + 256 })).vocabSize).toBe(FIRST + 256);
  });

  it("stops when asked to, between slices", async () => {
    const words = Array.from({ length: 60_000 }, (_, i) => `w${((i * 2_654_435_761) >>> 0).toString(36)}`).join(" ");
    let asked = 0;
    const error = await rejectionOf(trainBpe([words], { vocabSize: 30_000, shouldStop: () => ++asked > 1 }));
    expect(error.code).toBe("CANCELLED");
    expect(asked).toBe(2);
  });

  it("reports progress that rises to at most 1", async () => {
    const words = Array.from({ length: 60_000 }, (_, i) => `w${((i * 2_654_435_761) >>> 0).toString(36)}`).join(" ");
    const shares: number[] = [];
    await trainBpe([words], { vocabSize: 4000, onProgress: (share) => shares.push(share) });
    expect(shares.length).toBeGreaterThan(1);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(shares.at(-1)).toBeLessThanOrEqual(1);
  });

  it("counts a line without spaces in parts, so that it stays fast", async () => {
    const line = Array.from({ length: 200_000 }, (_, i) => String.fromCharCode(97 + ((i * i * 7 + (i >> 3)) % 26))).join("");
    const tokenizer = await trainBpe([line], { vocabSize: 2000 });
    expect(tokenizer.decode(tokenizer.encode(line))).toBe(line);
  }, 10_000);
});

describe("Heap", () => {
  it("gives its items back in order", () => {
    fc.assert(fc.property(fc.array(fc.integer()), (items) => {
      const heap = new Heap((a, b) => a < b);
      items.forEach((item) => heap.push(item));
      expect(heap.size).toBe(items.length);
      expect(items.map(() => heap.pop())).toEqual([...items].sort((a, b) => a - b));
      expect(heap.pop()).toBeUndefined();
    }));
  });
});
