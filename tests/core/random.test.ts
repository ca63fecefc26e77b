import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { drawKey, Draws, siteNumber, STREAM, threefry2x32, unit } from "../../src/core/random.ts";

/** Known answers of threefry2x32 with 20 rounds, published with Random123: counter, key, result. The third takes digits of pi. */
const KNOWN_ANSWERS = [
  { counter: [0, 0], key: [0, 0], result: [0x6b200159, 0x99ba4efe] },
  { counter: [0xffffffff, 0xffffffff], key: [0xffffffff, 0xffffffff], result: [0x1cb996fc, 0xbb002be7] },
  { counter: [0x243f6a88, 0x85a308d3], key: [0x13198a2e, 0x03707344], result: [0xc4923a9c, 0x483df7a0] },
] as const;

describe("threefry2x32", () => {
  it.each(KNOWN_ANSWERS)("gives the published result for counter $counter and key $key", ({ counter, key, result }) => {
    expect(threefry2x32(key[0], key[1], counter[0], counter[1])).toEqual(result);
  });

  it("is a permutation of the counter: no two of 65,536 counters share a block", () => {
    const seen = new Set<string>();
    for (let i = 0; i < 65_536; i++) seen.add(threefry2x32(1, 2, i, 3).join());
    expect(seen.size).toBe(65_536);
  });

  it("flips about half of the bits when one bit of key or counter flips", () => {
    const bit = fc.integer({ min: 0, max: 127 });
    const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    let flips = 0;
    let pairs = 0;
    fc.assert(
      fc.property(fc.tuple(word, word, word, word), bit, (words, at) => {
        const other = words.map((w, i) => (i === at >> 5 ? (w ^ (1 << (at & 31))) >>> 0 : w)) as typeof words;
        const [a, b] = [threefry2x32(...words), threefry2x32(...other)];
        const changed = countBits(a[0] ^ b[0]) + countBits(a[1] ^ b[1]);
        flips += changed;
        pairs++;
        return changed > 8 && changed < 56; // 6 standard deviations of 64 fair coins
      }),
      { numRuns: 500, seed: 1 },
    );
    expect(flips / pairs).toBeGreaterThan(31);
    expect(flips / pairs).toBeLessThan(33);
  });
});

describe("unit", () => {
  it("maps every word into [0, 1) exactly as f32, keeping the upper 24 bits", () => {
    expect(unit(0)).toBe(0);
    expect(unit(255)).toBe(0);
    expect(unit(256)).toBe(2 ** -24);
    expect(unit(0xffffffff)).toBe(1 - 2 ** -24);
    expect(Math.fround(unit(0xffffffff))).toBe(unit(0xffffffff));
  });
});

describe("Draws", () => {
  it("is uniform: 64 bins of 65,536 draws pass a chi-square test", () => {
    const draws = new Draws(42, "init", { site: "h.0.attn.c_attn.weight" });
    expect(chiSquare(64, 65_536, (i) => Math.floor(draws.float(i) * 64))).toBeLessThan(63 + 5 * Math.sqrt(2 * 63));
  });

  it("is uniform across steps at a fixed index, as it is across indices at a fixed step", () => {
    const value = (step: number): number => Math.floor(new Draws(7, "dropout", { step, site: "h.1.mlp" }).float(11) * 32);
    expect(chiSquare(32, 16_384, value)).toBeLessThan(31 + 5 * Math.sqrt(2 * 31));
  });

  it("draws each index alone: order and other draws change nothing", () => {
    const one = new Draws(1, "batch", { step: 5 });
    const other = new Draws(1, "batch", { step: 5 });
    const backwards = Array.from({ length: 100 }, (_, i) => one.u32(99 - i)).reverse();
    other.nextFloat();
    other.nextInt(10);
    expect(Array.from({ length: 100 }, (_, i) => other.u32(i))).toEqual(backwards);
  });

  it("differs by seed, stream, step, micro and site", () => {
    const all = [
      new Draws(1, "init"),
      new Draws(2, "init"),
      new Draws(1, "batch"),
      new Draws(1, "init", { step: 1 }),
      new Draws(1, "init", { micro: 1 }),
      new Draws(1, "init", { site: "a" }),
    ].map((draws) => draws.u32(0));
    expect(new Set(all).size).toBe(all.length);
  });

  it("is uncorrelated between neighbouring indices, steps and sites", () => {
    const draws = new Draws(3, "init");
    const next = new Draws(3, "init", { step: 1 });
    const elsewhere = new Draws(3, "init", { site: "x" });
    const count = 20_000;
    const limit = 5 / Math.sqrt(count);
    const correlation = (other: (i: number) => number): number => {
      let sum = 0;
      for (let i = 0; i < count; i++) sum += (draws.float(i) - 0.5) * (other(i) - 0.5);
      return (12 * sum) / count;
    };
    expect(Math.abs(correlation((i) => draws.float(i + 1)))).toBeLessThan(limit);
    expect(Math.abs(correlation((i) => next.float(i)))).toBeLessThan(limit);
    expect(Math.abs(correlation((i) => elsewhere.float(i)))).toBeLessThan(limit);
    expect(correlation((i) => draws.float(i))).toBeGreaterThan(0.9); // the measure sees a correlation where there is one
  });

  it("has normal draws of mean 0, variance 1 and kurtosis 3, and none infinite", () => {
    const draws = new Draws(5, "init");
    const count = 100_000;
    const xs = Array.from({ length: count }, (_, i) => draws.normal(i));
    const moment = (power: number): number => xs.reduce((sum, x) => sum + x ** power, 0) / count;
    expect(xs.every(Number.isFinite)).toBe(true);
    expect(Math.abs(moment(1))).toBeLessThan(5 / Math.sqrt(count));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(5 * Math.sqrt(2 / count));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(5 * Math.sqrt(96 / count));
  });

  it("has integers that stay below their bound and reach every value", () => {
    const draws = new Draws(9, "world");
    const seen = new Set<number>();
    for (let i = 0; i < 1000; i++) seen.add(draws.nextInt(7));
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it("shuffles into a permutation, every position equally likely", () => {
    const draws = new Draws(11, "batch");
    const places = new Array<number>(5).fill(0);
    for (let i = 0; i < 5000; i++) {
      const shuffled = draws.shuffle([0, 1, 2, 3, 4]);
      expect([...shuffled].sort()).toEqual([0, 1, 2, 3, 4]);
      places[shuffled.indexOf(0)]!++;
    }
    for (const count of places) expect(Math.abs(count - 1000)).toBeLessThan(5 * Math.sqrt(800));
  });
});

describe("the numbers that checkpoints depend on", () => {
  it("keeps streams, site numbers and keys as they were first published", () => {
    expect(STREAM).toEqual({ init: 1, batch: 2, dropout: 3, eval: 4, sample: 5, world: 6 });
    // FNV-1a's own published values for "" and "a".
    expect(siteNumber("")).toBe(0x811c9dc5);
    expect(siteNumber("a")).toBe(0xe40c292c);
    expect(drawKey(1234, "dropout", 5, 6)).toEqual(threefry2x32(1234, 3, 5, 6));
  });
});

function countBits(word: number): number {
  let count = 0;
  for (let w = word >>> 0; w; w &= w - 1) count++;
  return count;
}

function chiSquare(bins: number, count: number, binOf: (i: number) => number): number {
  const counts = new Array<number>(bins).fill(0);
  for (let i = 0; i < count; i++) counts[binOf(i)]!++;
  const expected = count / bins;
  return counts.reduce((sum, seen) => sum + (seen - expected) ** 2 / expected, 0);
}
