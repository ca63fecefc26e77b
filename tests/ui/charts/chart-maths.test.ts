/** A chart tells the truth: smoothing is the published average, decimation loses no spike, ticks are round and inside. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decimate, isLone, joinLines, latest, logTicks, paddedRange, placeLabels, smooth, ticks } from "../../../src/ui/charts/chart-maths.ts";
import { smoothingBeta } from "../../../src/ui/train/learning-data.ts";

const ones = (length: number): number[] => Array.from({ length }, () => 1);
const raw = (y: readonly number[]): { x: number[]; y: readonly number[]; lo: readonly number[]; hi: readonly number[]; count: number[] } => ({
  x: y.map((_, i) => i + 1), y, lo: y, hi: y, count: ones(y.length),
});

describe("smooth", () => {
  it("is the bias-corrected average, summed term by term", () => {
    const y = [4, 2, 3, 1, 5];
    const beta = 0.9;
    const expected = y.map((_, n) => {
      let [top, bottom] = [0, 0];
      for (let i = 0; i <= n; i++) {
        top += (1 - beta) * beta ** (n - i) * y[i];
        bottom += (1 - beta) * beta ** (n - i);
      }
      return top / bottom;
    });
    smooth(y, ones(5), beta).forEach((value, i) => expect(value).toBeCloseTo(expected[i], 12));
  });

  it("starts at the first value and leaves a constant alone", () => {
    expect(smooth([7, 1], ones(2), 0.99)[0]).toBeCloseTo(7, 12);
    expect([...smooth([3, 3, 3], ones(3), 0.97)].every((value) => Math.abs(value - 3) < 1e-12)).toBe(true);
  });

  it("does nothing at beta 0", () => expect([...smooth([4, 2, 3], ones(3), 0)]).toEqual([4, 2, 3]));

  it("weighs a merged point as the points it stands for", () => {
    const alone = smooth([5, 5, 5, 5, 1, 1, 1, 1], ones(8), 0.8);
    const merged = smooth([5, 1], [4, 4], 0.8);
    expect(merged[1]).toBeCloseTo(alone[7], 12);
  });

  it("passes over what is not a number", () => expect(smooth([2, NaN, 2], ones(3), 0.5)[2]).toBeCloseTo(2, 12));
});

/** Thirds of whole numbers: not round, no negative zero, and quick to shrink. */
const value = fc.integer({ min: -3_000_000, max: 3_000_000 }).map((whole) => whole / 3 + 0);

describe("smoothingBeta", () => {
  it("reaches over the same share of a short and of a long run, a tenth at most, and is off at 0", () => {
    const reach = (smoothing: number, steps: number): number => 1 / (1 - smoothingBeta(smoothing, steps)) - 1;
    expect(reach(1, 100)).toBeCloseTo(10, 9);
    expect(reach(1, 100_000)).toBeCloseTo(10_000, 5);
    expect(reach(0.3, 1000) / 1000).toBeCloseTo(reach(0.3, 50) / 50, 12);
    expect(smoothingBeta(0, 1000)).toBe(0);
  });
});

describe("decimate", () => {
  it("keeps every spike, the last x, the mean and the number of points", () => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 300 }), fc.integer({ min: 1, max: 50 }), (y, limit) => {
        const out = decimate(raw(y), limit);
        expect(out.x.length).toBeLessThanOrEqual(limit);
        expect(Math.max(...out.hi)).toBe(Math.max(...y));
        expect(Math.min(...out.lo)).toBe(Math.min(...y));
        expect(out.x[out.x.length - 1]).toBe(y.length);
        const total = out.y.reduce((sum, mean, i) => sum + mean * out.count[i], 0);
        expect(total).toBeCloseTo(y.reduce((sum, value) => sum + value, 0), 3);
        expect(out.count.reduce((sum, count) => sum + count, 0)).toBe(y.length);
      }),
    );
  });

  it("changes nothing below the limit", () => expect([...decimate(raw([3, 1, 2]), 10).y]).toEqual([3, 1, 2]));
});

describe("ticks", () => {
  it.each([
    [0, 10, 5, [0, 2, 4, 6, 8, 10]], [0, 1620, 6, [0, 500, 1000, 1500]], [1.75, 7.2, 6, [2, 3, 4, 5, 6, 7]], [0, 0.3, 3, [0, 0.1, 0.2, 0.3]], [5, 5, 4, [5]],
  ])("cuts %d to %d into at most %d round steps", (min, max, most, expected) => expect(ticks(min, max, most)).toEqual(expected));

  it("stays inside, in order, and few", () => {
    fc.assert(
      fc.property(value, value, fc.integer({ min: 1, max: 12 }), (a, b, most) => {
        const [min, max] = [Math.min(a, b), Math.max(a, b)];
        fc.pre(max > min);
        const out = ticks(min, max, most);
        const slack = (max - min) * 1e-6;
        return out.length <= most + 1 && out.every((tick, i) => tick >= min - slack && tick <= max + slack && (i === 0 || tick > out[i - 1]));
      }),
    );
  });
});

describe("logTicks", () => {
  it("takes 1, 2, 5 below two decades and powers of ten beyond", () => {
    expect(logTicks(0.9, 11, 6)).toEqual([1, 2, 5, 10]);
    expect(logTicks(0.001, 1000, 8)).toEqual([0.001, 0.01, 0.1, 1, 10, 100, 1000]);
  });
  it("falls back to plain ticks where a range holds fewer than two", () => expect(logTicks(2.1, 2.9, 4)).toEqual([2.2, 2.4, 2.6, 2.8]));
  it("refuses a range with zero in it", () => expect(logTicks(0, 10, 5)).toEqual(ticks(0, 10, 5)));
});

describe("joinLines", () => {
  it("gives one x column, with null where a line has no point", () => {
    const joined = joinLines([{ x: [1, 2, 4], y: [10, 20, 40] }, { x: [2, 3], y: [200, 300] }]);
    expect(joined.x).toEqual([1, 2, 3, 4]);
    expect(joined.ys).toEqual([[10, 20, null, 40], [null, 200, 300, null]]);
  });
  it("keeps the last of several points at one x, and drops what is not a number", () => {
    expect(joinLines([{ x: [1, 1, 2], y: [5, 6, NaN] }])).toEqual({ x: [1, 2], ys: [[6, null]] });
  });
  it("joins nothing to nothing", () => expect(joinLines([])).toEqual({ x: [], ys: [] }));
});

describe("paddedRange", () => {
  it("holds all values and is never empty", () => {
    fc.assert(
      fc.property(value, value.map(Math.abs), (min, width) => {
        const [lo, hi] = paddedRange(min, min + width, false);
        return lo <= min && hi >= min + width && hi > lo;
      }),
    );
  });
  it("does not go below zero for what never does", () => expect(paddedRange(0.1, 9, false)[0]).toBe(0));
  it("pads a log range by a factor and keeps it above zero", () => {
    const [lo, hi] = paddedRange(0.5, 8, true);
    expect(lo).toBeGreaterThan(0);
    expect(lo).toBeLessThan(0.5);
    expect(hi).toBeGreaterThan(8);
  });
  it("survives no values at all", () => expect(paddedRange(Infinity, -Infinity, false)).toEqual([0, 1]));
});

describe("a constant", () => {
  it("is drawn flat, though its last bit wavers", () => {
    const [lo, hi] = paddedRange(0.001, 0.001 + 5.9e-11, false);
    expect(hi - lo).toBeGreaterThan(1e-4);
    expect(paddedRange(1, 1.01, false)[1]).toBeLessThan(1.011);
  });
});

describe("isLone", () => {
  it("is one number among gaps, not none and not two", () => {
    expect([[null, 3, undefined], [null, 0], [], [null], [1, null, 2]].map(isLone)).toEqual([true, true, false, false, false]);
  });
});

describe("placeLabels", () => {
  const widthOf = (text: string): number => 10 * text.length;
  const place = (...borders: readonly (readonly [number, string])[]): [string, number][] =>
    placeLabels(borders.map(([at, label]) => ({ at, label })), 5, 400, widthOf).map(({ text, left }) => [text, left]);

  it("writes each name right of its border where there is room", () => expect(place([0, "one"], [200, "two"])).toEqual([["one", 5], ["two", 205]]));
  it("cuts a name short where the next border stands", () => expect(place([0, "pre-training"], [80, "x"])).toEqual([["pre-tr…", 5], ["x", 85]]));
  it("puts the last one left of its border where that is free", () => expect(place([0, "one"], [380, "second"])).toEqual([["one", 5], ["second", 315]]));
  it("leaves out what would be two letters", () => expect(place([0, "pretrain"], [30, "sft"])).toEqual([["sft", 35]]));
  it("puts no name over another or past the edge, however many there are", () => {
    fc.assert(fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 399 }), { minLength: 1, maxLength: 12 }), fc.array(fc.string({ minLength: 1, maxLength: 30 }), { minLength: 12, maxLength: 12 }), (places, names) => {
      let end = 0;
      for (const [text, left] of place(...places.toSorted((a, b) => a - b).map((at, i) => [at, names[i]!] as const))) {
        expect(left).toBeGreaterThanOrEqual(end);
        end = left + widthOf(text);
        expect(end).toBeLessThanOrEqual(400);
      }
    }));
  });
});

describe("latest", () => {
  it("is the value under the pointer, or the one measured before it with its place, and none where none was", () => {
    const values = [null, 3, null, null, 0, null];
    expect(values.map((_, index) => latest(values, index))).toEqual([null, { index: 1, y: 3 }, { index: 1, y: 3 }, { index: 1, y: 3 }, { index: 4, y: 0 }, { index: 4, y: 0 }]);
  });
});
