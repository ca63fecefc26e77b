import { afterAll, describe, expect, it } from "vitest";
import { klToParent } from "../../src/kernels/kl-to-parent.ts";
import { checkKernel, fittingVariants, printFigures, runKernel, U, values, type JudgeRun } from "../support/kernel-harness.ts";
import { LOSS_SHAPES, rowBounds, VALUE_CLASSES } from "../support/loss-cases.ts";

const TIMEOUT_MS = 120_000;
const stepF = Float32Array.of(1e-3, 1, Math.fround(1 / 77), 4);
const WEIGHT = Math.fround(0.7);
/** Below it WGSL may flush to zero. */
const FLUSHED = 2 ** -126;
/** Relative error of exp(a): as in loss-cases.ts. */
const expError = (a: number): number => (4 + 2 * Math.abs(a)) * 2 * U + Math.abs(a) * U;

afterAll(printFigures);

function bounds(run: JudgeRun): { parent: (index: number) => number } {
  const { N, V } = run.dims as { N: number; V: number };
  const [p, q] = ["logits", "parent"].map((name) => run.inputs[name] as Float64Array) as [Float64Array, Float64Array];
  const [rowsP, rowsQ] = [rowBounds(p, N, V), rowBounds(q, N, V)];
  const mask = run.inputs["mask"]!;
  const scale = WEIGHT * stepF[2]! * stepF[3]!;
  const relative = (x: number, row: (typeof rowsP)[number]): number => expError(x - row.max) + row.sum + 8 * U;
  return {
    parent: (index) => {
      const n = Math.floor(index / V);
      if (!(mask[n]! > 0)) return 0;
      const [a, b] = [Math.exp(p[index]! - rowsP[n]!.exactLse), Math.exp(q[index]! - rowsQ[n]!.exactLse)];
      return mask[n]! * scale * (a * relative(p[index]!, rowsP[n]!) + b * relative(q[index]!, rowsQ[n]!) + 2 * FLUSHED + 4 * U * Math.abs(a - b)) + FLUSHED;
    },
  };
}

describe("klToParent", () => {
  it.each(VALUE_CLASSES)("stays within its bound on every shape, logits %s, every third row masked", async (valueClass) => {
    for (const [N, V] of LOSS_SHAPES) {
      const inputs = { logits: values(valueClass, N * V, N + V), parent: values(valueClass, N * V, N + V + 1), mask: Float32Array.from({ length: N }, (_, n) => (n % 3 === 1 ? 0 : 1)), stepF };
      const reports = await checkKernel(klToParent, { dims: { N, V, weight: WEIGHT }, inputs, outputs: {}, bound: bounds, samples: 1024 });
      expect(reports[0]!.compared).toBe(Math.min(N * V, 1024));
    }
  }, TIMEOUT_MS);

  it("pulls nowhere where both predict the same", async () => {
    const logits = values("normal", 3 * 65, 1);
    for (const variant of fittingVariants(klToParent, { N: 3, V: 65, weight: 1 })) {
      const after = await runKernel(klToParent, { dims: { N: 3, V: 65, weight: 1 }, inputs: { logits, parent: logits, mask: Float32Array.of(1, 1, 1), stepF }, outputs: {} }, variant);
      expect([...new Float32Array(after["parent"]!.buffer)].every((value) => value === 0)).toBe(true);
    }
  });

  it("writes zeros over a masked row that held NaN, and lets NaN in a row that counts reach that row alone", async () => {
    const V = 65;
    const [logits, parent] = [values("normal", 3 * V, 1), values("normal", 3 * V, 2)];
    parent.fill(NaN, V, 2 * V);
    logits[5] = NaN;
    for (const variant of fittingVariants(klToParent, { N: 3, V, weight: 1 })) {
      const after = await runKernel(klToParent, { dims: { N: 3, V, weight: 1 }, inputs: { logits, parent, mask: Float32Array.of(1, 0, 1), stepF }, outputs: {} }, variant);
      const gradient = new Float32Array(after["parent"]!.buffer);
      expect(gradient.subarray(V, 2 * V).every((value) => value === 0)).toBe(true);
      expect(gradient.subarray(2 * V).every(Number.isFinite)).toBe(true);
      expect(gradient.subarray(0, V).every(Number.isFinite)).toBe(false);
    }
  });
});
