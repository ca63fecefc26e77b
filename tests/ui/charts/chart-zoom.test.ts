/** Zooming and panning as arithmetic: the anchor keeps its place, nothing leaves what there is, and everything is null. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clampRange, panRange, pinchRange, zoomRange, type ChartRange } from "../../../src/ui/charts/chart-zoom.ts";

const extents = fc.tuple(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.double({ min: 1, max: 1e6, noNaN: true })).map(([from, width]): [number, number] => [from, from + width]);
const share = fc.double({ min: 0.01, max: 0.99, noNaN: true });

describe("chart ranges", () => {
  it("keep the point under the pointer where it is, and come back by the opposite factor", () => {
    fc.assert(fc.property(extents, share, fc.double({ min: 1.1, max: 8, noNaN: true }), (extent, at, factor) => {
      const anchor = extent[0] + at * (extent[1] - extent[0]);
      const zoomed = zoomRange(null, extent, anchor, factor)!;
      const width = zoomed[1] - zoomed[0];
      expect(width).toBeCloseTo((extent[1] - extent[0]) / factor, 4);
      expect((anchor - zoomed[0]) / width).toBeCloseTo(at, 4);
      const back = zoomRange(zoomed, extent, anchor, 1 / factor);
      for (const [i, end] of (back ?? extent).entries()) expect(Math.abs(end - extent[i]!) / (extent[1] - extent[0])).toBeLessThan(1e-6);
    }));
  });

  it("never leave what there is, however they are pushed", () => {
    const push = fc.oneof(fc.record({ pan: fc.double({ min: -5, max: 5, noNaN: true }) }), fc.record({ zoom: fc.double({ min: 0.05, max: 50, noNaN: true }), at: share }));
    fc.assert(fc.property(extents, fc.array(push, { maxLength: 30 }), (extent, pushes) => {
      let range: ChartRange = null;
      for (const each of pushes) {
        range = "pan" in each ? panRange(range, extent, each.pan) : zoomRange(range, extent, extent[0] + each.at * (extent[1] - extent[0]), each.zoom);
        if (range === null) continue;
        expect(range[0]).toBeGreaterThanOrEqual(extent[0]);
        expect(range[1]).toBeLessThanOrEqual(extent[1] * (1 + 1e-12));
        expect(range[1]).toBeGreaterThan(range[0]);
      }
    }));
  });

  it("keep what two fingers hold under them, as far as there is something", () => {
    expect(pinchRange(null, [0, 100], [0.4, 0.6], [0.2, 0.8])).toEqual([expect.closeTo(100 / 3, 6), expect.closeTo(200 / 3, 6)]);
    // Both moved to the left by a tenth: the part shown lies further right.
    expect(pinchRange([40, 60], [0, 100], [0.3, 0.7], [0.2, 0.6])).toEqual([expect.closeTo(42, 6), expect.closeTo(62, 6)]);
    expect(pinchRange([40, 60], [0, 100], [0.1, 0.9], [0.49, 0.51])).toBeNull();
    expect(pinchRange([40, 60], [0, 100], [0.3, 0.7], [0.5, 0.5])).toEqual([40, 60]);
    expect(pinchRange([40, 60], [0, 100], [0.3, 0.7], [0.7, 0.3])).toEqual([40, 60]);
    fc.assert(fc.property(extents, share, share, share, share, (extent, a, b, c, d) => {
      const range = pinchRange(null, extent, [a, b], [c, d]);
      if (range === null) return;
      expect(range[0]).toBeGreaterThanOrEqual(extent[0]);
      expect(range[1]).toBeLessThanOrEqual(extent[1] * (1 + 1e-12));
    }));
  });

  it("are null where everything shows, and where there is nothing", () => {
    expect(clampRange([-5, 200], [0, 100])).toBeNull();
    expect(clampRange([3, 3], [0, 100])).toBeNull();
    expect(clampRange([1, 2], [0, 0])).toBeNull();
    expect(panRange(null, [0, 100], 0.5)).toBeNull();
  });
});
