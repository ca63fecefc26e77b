import { afterAll, describe, expect, it } from "vitest";
import { sgd } from "../../src/kernels/sgd.ts";
import { checkKernel, printFigures, runKernel, U, ulp, values, type JudgeRun } from "../support/kernel-harness.ts";
import { CLASSES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

const SIZES = [4, 64, 252, 256, 260, 1000, 4096, 4100];
const hyper = { momentum: 0.9, nesterov: 0, weightDecay: 0.1 };

const inputsOf = (size: number, valueClass: (typeof CLASSES)[number], latched = 0) => ({
  param: values("normal", size, 1),
  grad: values(valueClass, size, 2),
  m: values(valueClass, size, 3),
  stepF: Float32Array.of(3e-2, 1, 1, 1),
  counts: Uint32Array.of(3, latched, 0, 3),
  scalars: Float32Array.of(2, 0.5, 0.1, 0.1),
});

/** Three sums of two or three terms, each rounded a few times, and dims rounded to f32. */
function bounds({ inputs, dims }: JudgeRun): Record<"param" | "m", (i: number) => number> {
  const size = (name: string, i: number): number => Math.abs(inputs[name]![i]!);
  const gradient = (i: number): number => size("grad", i) * inputs["scalars"]![1]! + dims["weightDecay"]! * size("param", i);
  const velocity = (i: number): number => dims["momentum"]! * size("m", i) + gradient(i);
  return {
    m: (i) => 6 * U * velocity(i) + 2 ** -126,
    param: (i) => 12 * U * inputs["stepF"]![0]! * (velocity(i) + gradient(i)) + 2 * ulp(inputs["param"]![i]!) + 2 ** -126,
  };
}

describe("sgd", () => {
  it.each(CLASSES.flatMap((valueClass) => [0, 1].map((nesterov) => [valueClass, nesterov] as const)))("stays within its bound at every size, gradients %s, nesterov %i", async (valueClass, nesterov) => {
    for (const size of SIZES) {
      const reports = await checkKernel(sgd, { dims: { size, ...hyper, nesterov }, inputs: inputsOf(size, valueClass), outputs: {}, bound: bounds, samples: 1024 });
      expect(reports[0]!.compared).toBe(2 * Math.min(1024, size));
    }
  }, TIMEOUT_MS);

  it("writes no bit when latched, whatever the gradient holds", async () => {
    const inputs = inputsOf(256, "normal", 1);
    inputs.grad.fill(NaN);
    const after = await runKernel(sgd, { dims: { size: 256, ...hyper }, inputs, outputs: {} });
    for (const name of ["param", "m"] as const) expect(after[name]).toEqual(new Uint32Array(inputs[name].buffer));
  });

  it("refuses a size that is not a multiple of four", () => {
    expect([6, 8].map((size) => sgd.variants[0]!.fits!({ size, ...hyper }))).toEqual([false, true]);
  });
});
