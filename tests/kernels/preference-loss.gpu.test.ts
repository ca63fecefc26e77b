import { afterAll, describe, expect, it } from "vitest";
import { preferenceLoss } from "../../src/kernels/preference-loss.ts";
import { checkKernel, printFigures, runKernel, U, values, type JudgeRun } from "../support/kernel-harness.ts";

const TIMEOUT_MS = 120_000;
const stepF = Float32Array.of(1e-3, 1, Math.fround(1 / 3), 2);
const [BETA, ALPHA] = [Math.fround(0.3), Math.fround(0.25)];

afterAll(printFigures);

/** Log-probabilities: below zero, of about the size that a small model gives. */
const logprobs = (length: number, seed: number, scale: number): Float32Array => values("normal", length, seed).map((x) => -Math.abs(scale * x) - 1e-3);

const inputsOf = (P: number, T: number, scale: number): { logprob: Float32Array; mask: Float32Array; expected: Float32Array; stepF: Float32Array } => ({
  logprob: logprobs(2 * P * T, P + T, scale), mask: Float32Array.from({ length: 2 * P * T }, (_, n) => (n % T > (n >> 3) % T ? 1 : n % T === 0 ? 1 : 0)),
  expected: logprobs(2 * P, P * T, scale * Math.sqrt(T)), stepF,
});

function bounds({ inputs, dims }: JudgeRun): Record<"dlogprob" | "loss", (i: number) => number> {
  const { P, T } = dims as { P: number; T: number };
  const { logprob, mask, expected } = inputs as Record<string, Float64Array>;
  const of = Array.from({ length: P }, (_, p) => {
    const sides = [0, 1].map((side) => {
      let [size, sum, targets] = [0, 0, 0];
      for (let n = (2 * p + side) * T; n < (2 * p + side + 1) * T; n++) if (mask![n]! > 0) [size, sum, targets] = [size + Math.abs(logprob![n]!), sum + logprob![n]!, targets + 1];
      return { size, sum, targets };
    });
    const references = Math.abs(expected![2 * p]!) + Math.abs(expected![2 * p + 1]!);
    // A sum in blocks of 32 of T terms, then four roundings of differences.
    const margin = BETA * ((32 + T / 32 + 4) * U * (sides[0]!.size + sides[1]!.size) + 4 * U * (references + sides[0]!.size + sides[1]!.size));
    const exact = BETA * (sides[0]!.sum - expected![2 * p]! - (sides[1]!.sum - expected![2 * p + 1]!));
    return { margin, exact, likelihood: ALPHA * (40 + T / 32) * U * (sides[0]!.size / Math.max(1, sides[0]!.targets)), targets: Math.max(1, sides[0]!.targets) };
  });
  return {
    // |d loss / d margin| is at most 1; exp and log have a few ulp, log near 1 an absolute error of 2^-21.
    loss: (p) => of[p]!.margin + of[p]!.likelihood + 2 ** -20 + 16 * U * Math.abs(of[p]!.exact),
    // |d push / d margin| is at most beta / 4; beyond that a few roundings of exp(-|margin|), of relative size 2 |margin| ulp.
    dlogprob: (n) => {
      const { margin, exact, targets } = of[Math.floor(n / (2 * T))]!;
      return (2 / 3) * (BETA * (margin / 4 + (16 + 3 * Math.min(Math.abs(exact), 100)) * U) + 8 * U * (ALPHA / targets + BETA)) + 2 ** -126;
    },
  };
}

describe("preferenceLoss", () => {
  it.each([["near zero", 0.05], ["of usual size", 2], ["far apart", 40]] as const)("stays within its bound on every shape, log-probabilities %s", async (_, scale) => {
    for (const [P, T] of [[1, 1], [1, 64], [2, 7], [3, 33], [65, 64], [4, 257], [130, 5]] as const) {
      const reports = await checkKernel(preferenceLoss, {
        dims: { P, T, beta: BETA, alpha: ALPHA }, inputs: inputsOf(P, T, scale), outputs: { dlogprob: 2 * P * T, loss: P }, bound: bounds, samples: 2048,
      });
      expect(reports[0]!.compared).toBe(Math.min(2 * P * T, 2048) + P);
    }
  }, TIMEOUT_MS);

  it("is log 2 where model and reference agree, and finite however far they part", async () => {
    const T = 4;
    const one = async (chosen: number, rejected: number): Promise<{ loss: number; gradient: Float32Array }> => {
      const inputs = { logprob: Float32Array.of(...Array<number>(T).fill(chosen), ...Array<number>(T).fill(rejected)), mask: new Float32Array(2 * T).fill(1), expected: Float32Array.of(-T, -T), stepF: Float32Array.of(0, 0, 1, 1) };
      const after = await runKernel(preferenceLoss, { dims: { P: 1, T, beta: 1, alpha: 0 }, inputs, outputs: { dlogprob: 2 * T, loss: 1 } });
      return { loss: new Float32Array(after["loss"]!.buffer)[0]!, gradient: new Float32Array(after["dlogprob"]!.buffer) };
    };
    expect((await one(-1, -1)).loss).toBeCloseTo(Math.LN2, 6);
    const [won, lost] = [await one(-1, -1000), await one(-1000, -1)];
    expect([won.loss, ...won.gradient].map(Math.abs)).toEqual(Array<number>(2 * T + 1).fill(0));
    expect(lost.loss).toBeCloseTo(4 * 999, 2);
    expect([...lost.gradient]).toEqual([-1, -1, -1, -1, 1, 1, 1, 1]);
  });
});
