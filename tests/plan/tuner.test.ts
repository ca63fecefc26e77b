/** What the tuner decides from times. Pure; what it measures is `tuner.gpu.test.ts`. */
import { describe, expect, it } from "vitest";
import { DECISIVE, decide, type Timed } from "../../src/plan/tuner.ts";
import { differenceOf } from "../../src/plan/scratch.ts";

const one = (name: string, group: number, ...ms: number[]): Timed => ({ name, group, ms });

describe("the tuner's decision", () => {
  it("is the fastest among those whose results have the same bits, by the median", () => {
    expect(decide([one("usual", 0, 3, 3, 3), one("slow", 0, 4, 4, 4), one("quick", 0, 2, 9, 2)], "usual")).toBe("quick");
  });

  it("is one with other bits only where it wins decisively in each round", () => {
    const usual = one("usual", 0, 4, 4, 4);
    expect(decide([usual, one("other", 1, 3.3, 3.3, 3.3)], "usual")).toBe("usual");
    expect(decide([usual, one("other", 1, 1, 1, 3.3)], "usual")).toBe("usual");
    expect(decide([usual, one("other", 1, 1, 1, (4 / DECISIVE) * 0.99)], "usual")).toBe("other");
  });

  it("measures another's lead against the fastest of the usual one's bits, not against the usual one", () => {
    expect(decide([one("usual", 0, 8, 8, 8), one("twin", 0, 4, 4, 4), one("other", 1, 3.5, 3.5, 3.5)], "usual")).toBe("twin");
  });

  it("leaves out what was given up after a round, and takes the fastest left where the usual one is not among the timed", () => {
    expect(decide([one("usual", 0, 4, 4, 4), one("other", 1, 1)], "usual")).toBe("usual");
    expect(decide([one("a", 1, 5, 5, 5), one("b", 1, 3, 3, 3)], "gone")).toBe("b");
    expect(decide([], "usual")).toBe("usual");
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

  it("tells zero from minus zero in bits alone", () => {
    expect(differenceOf(of(0, 1), of(-0, 1))).toEqual({ sameBits: false, worst: 0 });
  });
});
