/** The pyramid under the curves: whatever window is read at whatever size, its points are those of a plain scan over the raw ones. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PyramidSeries } from "../../../src/ui/charts/pyramid.ts";

const filled = (values: readonly number[], capacity?: number): PyramidSeries => {
  const series = new PyramidSeries(capacity);
  values.forEach((value, i) => series.push(i + 1, (i + 1) * 10, (i + 1) * 1000, value));
  return series;
};
const list = (values: ArrayLike<number>): number[] => Array.from(values);

describe("PyramidSeries", () => {
  it("gives back raw points where they fit", () => {
    const { x, y, lo, hi, count } = filled([5, 3, 4]).points("tokens");
    expect([list(x), list(y), list(lo), list(hi), list(count)]).toEqual([[10, 20, 30], [5, 3, 4], [5, 3, 4], [5, 3, 4], [1, 1, 1]]);
  });

  it("agrees with a scan over the raw points, in any window, at any size, after cuts and past its capacity", () => {
    fc.assert(fc.property(
      fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: 1, maxLength: 700 }), fc.integer({ min: 0, max: 700 }), fc.integer({ min: 0, max: 700 }),
      fc.integer({ min: 1, max: 64 }), fc.constantFrom(64, 1 << 18), fc.option(fc.integer({ min: 1, max: 700 })),
      (values, one, other, limit, capacity, cut) => {
        const series = filled(values, capacity);
        let raw = values;
        if (cut !== null) {
          series.cutAfter(cut);
          raw = values.slice(0, list(series.points("step", { limit: 1e9 }).x).at(-1) ?? 0);
          // A straddling bucket goes whole, and nothing else.
          expect(raw.length).toBeGreaterThan(Math.min(cut, values.length) - 64);
          expect(raw.length).toBeLessThanOrEqual(cut);
        }
        const [from, to] = [Math.min(one, other), Math.max(one, other)];
        const { x, y, lo, hi, count } = series.points("step", { from, to, limit });
        let begin = x.length === 0 ? 0 : x[0]! - count[0]!;
        list(x).forEach((end, i) => {
          const part = raw.slice(begin, end);
          expect(count[i]).toBe(part.length);
          expect([lo[i], hi[i]]).toEqual([Math.min(...part), Math.max(...part)]);
          expect(y[i]).toBeCloseTo(part.reduce((sum, value) => sum + value, 0) / part.length, 6);
          begin = end;
        });
        // Nothing of the window is missing.
        if (raw.length > 0 && from < to) {
          expect(x.length === 0 || x[0]! - count[0]! <= Math.max(0, from)).toBe(true);
          expect(x.length === 0 || x[x.length - 1]! >= Math.min(to, raw.length)).toBe(true);
        }
        expect(x.length).toBeLessThanOrEqual(limit + 4);
      },
    ), { numRuns: 300 });
  });

  it("shows a spike of one point among a million in every window that holds it", () => {
    const series = new PyramidSeries();
    for (let step = 1; step <= 1_000_000; step++) series.push(step, step, step, step === 654_321 ? 99 : Math.sin(step));
    expect(series.length).toBeLessThanOrEqual(1 << 18);
    for (const [from, to] of [[0, 1e6], [600_000, 700_000], [654_000, 655_000], [654_320, 654_322]] as const) {
      const { x, hi } = series.points("step", { from, to, limit: 700 });
      expect(x.length).toBeLessThanOrEqual(704);
      expect(Math.max(...list(hi))).toBe(99);
      expect(list(x).every((value, i) => i === 0 || value > x[i - 1]!)).toBe(true);
    }
    expect(Math.max(...list(series.points("step", { from: 700_000, to: 800_000, limit: 700 }).hi))).toBeLessThan(1.001);
  });

  it("draws no point for a value that is not finite, and remembers it as the last", () => {
    const series = filled([2, NaN]);
    expect(list(series.points("step").y)).toEqual([2, NaN]);
    expect(list(series.points("step").count)).toEqual([1, 0]);
    expect(series.last).toBeNaN();
    expect(series.first("time")).toBe(1);
  });

  it("keeps quantities of the same steps abreast, whatever was not finite or not measured in one of them", () => {
    const value = fc.oneof({ weight: 6, arbitrary: fc.double({ min: -1e3, max: 1e3, noNaN: true }) }, { weight: 1, arbitrary: fc.constantFrom(NaN, Infinity, undefined) });
    fc.assert(fc.property(fc.array(value, { minLength: 1, maxLength: 700 }), fc.option(fc.integer({ min: 1, max: 700 })), (values, cut) => {
      const [one, other] = [new PyramidSeries(64), new PyramidSeries(64)];
      values.forEach((v, i) => [one.push(i + 1, i, i, v), other.push(i + 1, i, i, i)]);
      if (cut !== null) [one, other].forEach((series) => series.cutAfter(cut));
      for (const limit of [1e9, 5]) expect(list(one.points("step", { limit }).x)).toEqual(list(other.points("step", { limit }).x));
      const { x, y, lo, hi, count } = one.points("step", { limit: 1e9 });
      let begin = 0;
      list(x).forEach((end, i) => {
        const part = values.slice(begin, end).filter((v): v is number => v !== undefined && Number.isFinite(v));
        expect([count[i], lo[i], hi[i]]).toEqual([part.length, Math.min(...part), Math.max(...part)]);
        if (part.length > 0) expect(y[i]).toBeCloseTo(part.reduce((sum, v) => sum + v, 0) / part.length, 6);
        else expect(y[i]).toBeNaN();
        begin = end;
      });
    }), { numRuns: 200 });
  });
});
