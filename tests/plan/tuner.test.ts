/** What the tuner decides from times. Pure; what it measures is `tuner.gpu.test.ts`. */
import { describe, expect, it } from "vitest";
import { decide, type Timed } from "../../src/plan/timed.ts";
import { allFinite, allNumbers, differenceOf } from "../../src/plan/scratch.ts";

const one = (name: string, group: number, ...ms: number[]): Timed => ({ name, group, ms });

describe("the tuner's decision", () => {
  it("is the fastest among those whose results have the same bits, by the median", () => {
    expect(decide([one("usual", 0, 3, 3, 3), one("slow", 0, 4, 4, 4), one("quick", 0, 2, 9, 2)], "usual")).toBe("quick");
  });

  it("is never one with other bits, however fast", () => {
    expect(decide([one("usual", 0, 4, 4, 4), one("other", 1, 0.1, 0.1, 0.1)], "usual")).toBe("usual");
  });

  it("takes the fastest of the first bits where the usual one is not among the timed, and the usual one where nothing was", () => {
    expect(decide([one("a", 1, 5, 5, 5), one("b", 1, 3, 3, 3), one("c", 2, 1, 1, 1)], "gone")).toBe("b");
    expect(decide([], "usual")).toBe("usual");
  });

  it("leaves out what was given up after a round", () => {
    expect(decide([one("usual", 0, 4, 4, 4), one("slow", 0, 9)], "usual")).toBe("usual");
  });
});

describe("the difference of two results", () => {
  const of = (...values: number[]): Float32Array[] => [Float32Array.from(values)];

  it("is a share of the largest value, and none where the bits are the same", () => {
    expect(differenceOf(of(1, -4), of(1, -4))).toEqual({ sameBits: true, worst: 0 });
    expect(differenceOf(of(1, -4), of(1, -3))).toEqual({ sameBits: false, worst: 0.25 });
  });

  it("is infinite where only one of them is finite", () => {
    expect(differenceOf(of(1, 2), of(1, NaN)).worst).toBe(Infinity);
    expect(differenceOf(of(Infinity, 2), of(1, 2)).worst).toBe(Infinity);
  });

  it("is infinite where either is no number, the same bits or not, and between infinities of two signs", () => {
    for (const [a, b] of [[NaN, NaN], [NaN, Infinity], [-Infinity, NaN], [-Infinity, Infinity]] as const) expect(differenceOf(of(a, 2), of(b, 2)).worst).toBe(Infinity);
    expect(differenceOf(of(-Infinity, 2), of(-Infinity, 1)).worst).toBe(0.5);
  });

  it("is none where neither wrote, and infinite where one did not", () => {
    const unwritten = new Float32Array(Uint32Array.of(0x7fc0ca11, 0x3f800000).buffer);
    expect(differenceOf([unwritten], [unwritten.slice()])).toEqual({ sameBits: true, worst: 0 });
    expect(differenceOf(of(1, 1), [unwritten]).worst).toBe(Infinity);
    expect(differenceOf([unwritten], of(1, 1)).worst).toBe(Infinity);
    expect([allNumbers([unwritten]), allFinite([unwritten]), allNumbers(of(NaN, 1)), allNumbers(of(Infinity, 1)), allFinite(of(Infinity, 1))]).toEqual([true, true, false, true, false]);
  });

  it("tells zero from minus zero in bits alone", () => {
    expect(differenceOf(of(0, 1), of(-0, 1))).toEqual({ sameBits: false, worst: 0 });
  });
});
