import { afterAll, describe, expect, it } from "vitest";
import { drawKey, threefry2x32, unit } from "../../src/core/random.ts";
import { sample } from "../../src/kernels/sample.ts";
import { checkKernel, printFigures, runKernel, U, ulp, values, type JudgeRun } from "../support/kernel-harness.ts";
import { CLASSES, expError, TIMEOUT_MS } from "../support/row-cases.ts";
import { borderDistance, distributionOf, type SampleOptions } from "../support/sample-cases.ts";

afterAll(printFigures);

const [KEY0, KEY1] = drawKey(7, "sample");
/** Nearer to a border than this, f32 may fall on the other side. */
const BORDER = 1e-5;

const OPTIONS: readonly SampleOptions[] = [
  { temperature: 0, topK: 0, topP: 1 },
  { temperature: 1, topK: 0, topP: 1 },
  { temperature: 0.7, topK: 1, topP: 1 },
  { temperature: 0.5, topK: 5, topP: 1 },
  { temperature: 1.7, topK: 50, topP: 1 },
  { temperature: 1, topK: 0, topP: 0.9 },
  { temperature: 1, topK: 0, topP: 0 },
  { temperature: 0.8, topK: 20, topP: 0.6 },
];
const WIDTHS = [1, 2, 3, 5, 63, 64, 65, 257, 1000, 4097];

let drawn = 0;
let nearBorder = 0;

/** Tokens are equal but near a border; a probability carries its own exponential's error and its divisor's. */
function bounds(options: SampleOptions): (run: JudgeRun) => { token: (r: number) => number; prob: (r: number) => number } {
  return ({ inputs, outputs, dims }) => {
    const { R, V } = dims as { R: number; V: number };
    const [temperature, topP] = inputs["options"]!;
    const control = inputs["control"]!;
    const token: number[] = [];
    const prob: number[] = [];
    for (let r = 0; r < R; r++) {
      const row = inputs["logits"]!.subarray(r * V, (r + 1) * V) as Float64Array;
      const { p, nucleusMargin } = distributionOf(row, { temperature: temperature!, topK: options.topK, topP: topP! });
      const u = unit(threefry2x32(control[0]!, control[1]!, control[2]!, r)[0]);
      const near = borderDistance(p, u) < BORDER || nucleusMargin < BORDER;
      drawn++;
      if (near) nearBorder++;
      const max = row.reduce((a, b) => Math.max(a, b), -Infinity);
      const error = (i: number): number => (temperature === 0 ? 0 : expError((row[i]! - max) / temperature!) + (6 * U * (max - row[i]!)) / temperature!);
      const divisor = p.reduce((sum, share, i) => sum + (share > 0 ? share * error(i) : 0), 0) + (Math.ceil(V / 64) + 66) * U;
      const chosen = outputs["token"]![r]!;
      token.push(near ? Infinity : 0);
      prob.push(near ? Infinity : outputs["prob"]![r]! * (error(chosen) + divisor + 8 * U) + 4 * ulp(outputs["prob"]![r]!));
    }
    return { token: (r) => token[r]!, prob: (r) => prob[r]! };
  };
}

describe("sample", () => {
  it.each(CLASSES)("draws the judge's token wherever the draw is not within 1e-5 of a border, logits %s", async (valueClass) => {
    for (const V of WIDTHS) {
      for (const [k, options] of OPTIONS.entries()) {
        const R = [1, 3, 5][(k + V) % 3]!;
        const reports = await checkKernel(sample, {
          dims: { R, V },
          inputs: {
            logits: values(valueClass, R * V, V + k),
            options: Float32Array.of(options.temperature, options.topP),
            control: Uint32Array.of(KEY0, KEY1, V + k, options.topK),
          },
          outputs: { token: R, prob: R },
          bound: bounds(options),
        });
        expect(reports[0]!.compared).toBe(2 * R);
      }
    }
  }, TIMEOUT_MS);

  it("left few draws uncompared", () => {
    console.log(`sample: ${nearBorder} of ${drawn} draws within ${BORDER} of a border`);
    expect(drawn).toBeGreaterThan(1000);
    expect(nearBorder / drawn).toBeLessThan(0.05);
  });

  it("follows the judge through a hundred draws of one row", async () => {
    const V = 257;
    const logits = values("normal", V, 3);
    const options = { temperature: 1.1, topK: 100, topP: 0.95 };
    const tokens = new Set<number>();
    for (let index = 0; index < 100; index++) {
      const reports = await checkKernel(sample, {
        dims: { R: 1, V },
        inputs: { logits, options: Float32Array.of(options.temperature, options.topP), control: Uint32Array.of(KEY0, KEY1, index, options.topK) },
        outputs: { token: 1, prob: 1 },
        bound: (run) => {
          tokens.add(run.outputs["token"]![0]!);
          return bounds(options)(run);
        },
      });
      expect(reports[0]!.worst).toBeLessThanOrEqual(1);
    }
    expect(tokens.size).toBeGreaterThan(20);
  }, TIMEOUT_MS);

  it("keeps 0 and -0 together, negative thresholds in order, and the lowest index among equals", async () => {
    const run = async (logits: number[], options: SampleOptions, index: number): Promise<number> => {
      const after = await runKernel(sample, {
        dims: { R: 1, V: logits.length },
        inputs: {
          logits: Float32Array.from(logits),
          options: Float32Array.of(options.temperature, options.topP),
          control: Uint32Array.of(KEY0, KEY1, index, options.topK),
        },
        outputs: { token: 1, prob: 1 },
      });
      return after["token"]![0]!;
    };
    const seen = async (logits: number[], options: SampleOptions): Promise<number[]> => {
      const tokens = new Set<number>();
      for (let index = 0; index < 60; index++) tokens.add(await run(logits, options, index));
      return [...tokens].sort((a, b) => a - b);
    };
    expect(await seen([-1, 0, -0, -2], { temperature: 1, topK: 1, topP: 1 })).toEqual([1, 2]);
    expect(await seen([-3, -1, -2, -1.5, -9], { temperature: 3, topK: 3, topP: 1 })).toEqual([1, 2, 3]);
    expect(await seen([1e4, -1e30, 1e4, -1e4], { temperature: 1, topK: 0, topP: 0.9 })).toEqual([0, 2]);
    expect(await run([2, 7, 7, 1], { temperature: 0, topK: 0, topP: 1 }, 0)).toBe(1);
    expect(await run([-1e30, -1e30], { temperature: 0, topK: 0, topP: 1 }, 0)).toBe(0);
  }, TIMEOUT_MS);

  it("gives a draw that falls exactly on a border to the token that begins there", async () => {
    // Found by search: at these indices the draw is a whole number of 64ths (a border between two threads' shares at every V
    // here) or of 4,096ths (one within a thread's share). Equal logits make every sum exact.
    for (const [index, numerator, parts] of [[155_104, 3, 64], [684_123, 40, 64], [2526, 3535, 4096], [12_473, 3445, 4096]] as const) {
      expect(unit(threefry2x32(KEY0, KEY1, index, 0)[0])).toBe(numerator / parts);
      for (const V of parts === 64 ? [64, 128, 4096] : [4096, 8192]) {
        const reports = await checkKernel(sample, {
          dims: { R: 1, V },
          inputs: { logits: new Float32Array(V).fill(0.5), options: Float32Array.of(1, 1), control: Uint32Array.of(KEY0, KEY1, index, 0) },
          outputs: { token: 1, prob: 1 },
          bound: ({ outputs }) => {
            expect(outputs["token"]![0]).toBe((numerator * V) / parts);
            return { token: 0, prob: 0 };
          },
        });
        expect(reports[0]!.compared).toBe(2);
      }
    }
  });

  it("answers with a token of the vocabulary even for a row of NaN", async () => {
    for (const temperature of [0, 1]) {
      const after = await runKernel(sample, {
        dims: { R: 1, V: 65 },
        inputs: { logits: new Float32Array(65).fill(NaN), options: Float32Array.of(temperature, 0.9), control: Uint32Array.of(KEY0, KEY1, 0, 5) },
        outputs: { token: 1, prob: 1 },
      });
      expect(after["token"]![0]!).toBeLessThan(65);
    }
  });
});
