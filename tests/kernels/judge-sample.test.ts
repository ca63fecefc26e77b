/** Sampling's formula: what it draws is what temperature, top-k and top-p say, as a distribution and token by token. */
import { describe, expect, it } from "vitest";
import { drawKey } from "../../src/core/random.ts";
import { sample } from "../../src/kernels/sample.ts";
import { normals } from "../support/gradcheck.ts";
import { chiSquareLimit, distributionOf, type SampleOptions } from "../support/sample-cases.ts";

const DRAWS = 20_000;
const [KEY0, KEY1] = drawKey(1337, "sample", 3);

function draw(logits: Float64Array, { temperature, topK, topP }: SampleOptions, index = 0, R = 1): { token: Uint32Array; prob: Float64Array } {
  const outputs = { token: new Uint32Array(R), prob: new Float64Array(R) };
  sample.meaning({ logits, options: Float64Array.of(temperature, topP), control: Uint32Array.of(KEY0, KEY1, index, topK), ...outputs }, { R, V: logits.length / R });
  return outputs;
}

const plain: SampleOptions = { temperature: 1, topK: 0, topP: 1 };

describe("sample", () => {
  it.each([
    { name: "plain", options: plain },
    { name: "cold", options: { ...plain, temperature: 0.5 } },
    { name: "hot", options: { ...plain, temperature: 2 } },
    { name: "top-k", options: { ...plain, topK: 5 } },
    { name: "top-p", options: { ...plain, topP: 0.8 } },
    { name: "all three", options: { temperature: 1.3, topK: 12, topP: 0.7 } },
  ])("draws from the distribution it names, by chi-square over 20,000 draws: $name", ({ options }) => {
    const V = 30;
    const logits = normals(V, 4, 1.5);
    const { p } = distributionOf(logits, options);
    const counts = new Float64Array(V);
    for (let index = 0; index < DRAWS; index++) {
      const { token, prob } = draw(logits, options, index);
      counts[token[0]!] += 1;
      expect(Math.abs(prob[0]! - p[token[0]!]!)).toBeLessThan(1e-12);
    }
    let chiSquare = 0;
    let cells = 0;
    // Cells of fewer than five expected draws are pooled, as the test asks.
    let [rest, restCount] = [0, 0];
    expect(counts.filter((count, i) => count > 0 && p[i] === 0), "tokens that are not kept").toHaveLength(0);
    for (let i = 0; i < V; i++) {
      const expected = p[i]! * DRAWS;
      if (expected === 0) continue;
      if (expected < 5) [rest, restCount] = [rest + expected, restCount + counts[i]!];
      else {
        chiSquare += (counts[i]! - expected) ** 2 / expected;
        cells++;
      }
    }
    if (rest >= 5) {
      chiSquare += (restCount - rest) ** 2 / rest;
      cells++;
    }
    expect(cells).toBeGreaterThan(3);
    expect(chiSquare).toBeLessThan(chiSquareLimit(cells - 1));
  });

  it("would fail that test with a temperature off by a tenth", () => {
    const logits = normals(30, 4, 1.5);
    const { p } = distributionOf(logits, { ...plain, temperature: 1.1 });
    const counts = new Float64Array(30);
    for (let index = 0; index < DRAWS; index++) counts[draw(logits, plain, index).token[0]!] += 1;
    const chiSquare = counts.reduce((sum, count, i) => sum + (count - p[i]! * DRAWS) ** 2 / (p[i]! * DRAWS), 0);
    expect(chiSquare).toBeGreaterThan(chiSquareLimit(29));
  });

  it("takes the lowest index of the largest logit at temperature 0, with probability 1", () => {
    expect(draw(Float64Array.of(1, 3, 2, 3), { ...plain, temperature: 0 })).toEqual({ token: Uint32Array.of(1), prob: Float64Array.of(1) });
    expect(draw(Float64Array.of(-5), { ...plain, temperature: 0 }).token[0]).toBe(0);
    expect(draw(Float64Array.of(-1e4, -1e4), { ...plain, temperature: 0 }).token[0]).toBe(0);
  });

  it("with top_k 1, or a top_p that the likeliest reaches, is greedy whatever the draw", () => {
    const logits = normals(64, 5, 3);
    const greedy = draw(logits, { ...plain, temperature: 0 }).token[0];
    for (let index = 0; index < 200; index++) {
      for (const options of [{ ...plain, topK: 1 }, { ...plain, topP: 1e-6 }, { ...plain, topP: 0 }, { temperature: 5, topK: 1, topP: 0.3 }]) {
        expect(draw(logits, options, index)).toEqual({ token: Uint32Array.of(greedy!), prob: Float64Array.of(1) });
      }
    }
  });

  it("keeps all that tie at either threshold", () => {
    const drawn = (logits: Float64Array, options: SampleOptions): number[] => {
      const seen = new Set<number>();
      for (let index = 0; index < 300; index++) seen.add(draw(logits, options, index).token[0]!);
      return [...seen].sort((a, b) => a - b);
    };
    expect(drawn(Float64Array.of(0, 2, 1, 2, 1, 1), { ...plain, topK: 3 })).toEqual([1, 2, 3, 4, 5]);
    expect(drawn(Float64Array.of(0, 2, 1, 2, 1, 1), { ...plain, topK: 1 })).toEqual([1, 3]);
    expect(drawn(Float64Array.of(1, 1, 1, 1), { ...plain, topP: 0.3 })).toEqual([0, 1, 2, 3]);
  });

  it("takes the smallest nucleus whose renormalised mass reaches top_p, after top-k", () => {
    // Probabilities 0.5, 0.25, 0.125, 0.125: of the first two alone, 2/3 and 1/3.
    const logits = Float64Array.from([0.125, 0.5, 0.125, 0.25], Math.log);
    const kept = (options: SampleOptions): number[] => {
      const seen = new Set<number>();
      for (let index = 0; index < 300; index++) seen.add(draw(logits, options, index).token[0]!);
      return [...seen].sort((a, b) => a - b);
    };
    expect(kept({ ...plain, topP: 0.49 })).toEqual([1]);
    expect(kept({ ...plain, topP: 0.6 })).toEqual([1, 3]);
    expect(kept({ ...plain, topP: 0.8 })).toEqual([0, 1, 2, 3]);
    expect(kept({ temperature: 1, topK: 2, topP: 0.6 })).toEqual([1]);
    expect(kept({ temperature: 1, topK: 2, topP: 0.7 })).toEqual([1, 3]);
  });

  it("survives logits of +-1e4 and rows masked with -1e30", () => {
    for (let index = 0; index < 50; index++) {
      expect(draw(Float64Array.of(-1e4, 1e4, 0), plain, index)).toEqual({ token: Uint32Array.of(1), prob: Float64Array.of(1) });
      expect(draw(Float64Array.of(-1e30, -1e30, 3), { ...plain, topP: 0.9 }, index).token[0]).toBe(2);
      expect(draw(Float64Array.of(-1e30, 5, -1e30), { ...plain, topK: 3 }, index).token[0]).toBe(1);
    }
  });

  it("draws each row for itself, and the same again for the same key and index", () => {
    const row = normals(50, 6);
    const logits = new Float64Array(200);
    for (let r = 0; r < 4; r++) logits.set(row, 50 * r);
    const once = draw(logits, plain, 9, 4);
    expect(draw(logits, plain, 9, 4)).toEqual(once);
    expect(new Set(once.token).size).toBeGreaterThan(1);
    expect(draw(row, plain, 9).token[0]).toBe(once.token[0]);
  });
});
