import { afterAll, describe, expect, it } from "vitest";
import { crossEntropy } from "../../src/kernels/cross-entropy.ts";
import { checkKernel, fittingVariants, POISON, printFigures, runKernel, type JudgeRun } from "../support/kernel-harness.ts";
import { logprobBounds, LOSS_SHAPES, lossInputs, rowBounds, softmaxGradientBound, VALUE_CLASSES } from "../support/loss-cases.ts";

const TIMEOUT_MS = 120_000;
const INV_TARGETS = Math.fround(1 / 77);
const stepF = Float32Array.of(1e-3, 1, INV_TARGETS, 1);

afterAll(printFigures);

/** Of the loss and of the gradient; rows that do not count are exact. */
function bounds(run: JudgeRun): { loss: (n: number) => number; logits: (index: number) => number } {
  const { N, V } = run.dims as { N: number; V: number };
  const [, , invTargets, lossScale] = run.inputs["stepF"]!;
  const mask = run.inputs["mask"]!;
  const rows = rowBounds(run.inputs["logits"] as Float64Array, N, V);
  const { logprob } = logprobBounds(run);
  const gradient = softmaxGradientBound(run, (n) => mask[n]! * invTargets! * lossScale!, (n) => rows[n]!.max, (n) => rows[n]!.sum);
  return { loss: (n) => (mask[n]! > 0 ? logprob[n]! : 0), logits: (index) => (mask[Math.floor(index / V)]! > 0 ? gradient(index) : 0) };
}

describe("crossEntropy", () => {
  it.each(VALUE_CLASSES)("stays within its bound on every shape, logits %s, every third row masked", async (valueClass) => {
    for (const [N, V] of LOSS_SHAPES) {
      const mask = Float32Array.from({ length: N }, (_, n) => (n % 3 === 1 ? 0 : 1));
      const reports = await checkKernel(crossEntropy, {
        dims: { N, V },
        inputs: { ...lossInputs(N, V, valueClass), mask, stepF },
        outputs: { loss: N },
        bound: bounds,
        samples: 1024,
      });
      expect(reports[0]!.compared).toBe(N + Math.min(N * V, 1024));
    }
  }, TIMEOUT_MS);

  it("weighs a row's gradient, not its loss, by a mask between 0 and 1, and scales by lossScale", async () => {
    const mask = Float32Array.of(1, 0.25, 0, 2);
    const inputs = { ...lossInputs(4, 65, "normal"), mask, stepF: Float32Array.of(1e-3, 1, INV_TARGETS, 1024) };
    const reports = await checkKernel(crossEntropy, { dims: { N: 4, V: 65 }, inputs, outputs: { loss: 4 }, bound: bounds });
    expect(reports[0]!.compared).toBe(4 + 4 * 65);
  });

  it("writes zeros, all bits, over a masked row that held NaN and had a target out of range", async () => {
    const V = 68;
    const { logits } = lossInputs(3, V, "normal");
    logits.fill(NaN, V, 2 * V);
    const inputs = { logits, targets: Uint32Array.of(3, 0xffffff9c, 7), mask: Float32Array.of(1, 0, 1), stepF };
    for (const variant of fittingVariants(crossEntropy, { N: 3, V })) {
      const after = await runKernel(crossEntropy, { dims: { N: 3, V }, inputs, outputs: { loss: 3 } }, variant);
      expect(after["logits"]!.subarray(V, 2 * V).every((word) => word === 0)).toBe(true);
      expect(after["loss"]![1]).toBe(0);
      const others = new Float32Array(after["logits"]!.buffer);
      expect(others.every((value) => !Number.isNaN(value))).toBe(true);
      expect(after["loss"]!.includes(POISON)).toBe(false);
    }
  });

  it("lets a NaN or an infinity in a row that counts reach its loss and its gradient, and no other row", async () => {
    const finite = (word: number): boolean => (word & 0x7f800000) !== 0x7f800000;
    for (const bad of [NaN, Infinity]) {
      const { logits, targets } = lossInputs(2, 68, "normal");
      logits[40] = bad;
      const inputs = { logits, targets, mask: Float32Array.of(1, 1), stepF };
      for (const variant of fittingVariants(crossEntropy, { N: 2, V: 68 })) {
        const after = await runKernel(crossEntropy, { dims: { N: 2, V: 68 }, inputs, outputs: { loss: 2 } }, variant);
        expect(Array.from(after["loss"]!, finite)).toEqual([false, true]);
        // Which elements of the row turn depends on the adapter's exp(NaN); one is enough to make the norm not finite.
        expect(after["logits"]!.subarray(0, 68).every(finite)).toBe(false);
        expect(after["logits"]!.subarray(68).every(finite)).toBe(true);
      }
    }
  });
});
