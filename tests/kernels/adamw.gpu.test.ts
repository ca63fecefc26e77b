import { afterAll, describe, expect, it } from "vitest";
import { adamw } from "../../src/kernels/adamw.ts";
import { checkKernel, printFigures, runKernel, U, ulp, values, type JudgeRun } from "../support/kernel-harness.ts";
import { CLASSES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

const SIZES = Array.from({ length: 42 }, (_, i) => [4, 64, 252, 256, 260, 1000, 4096][i % 7]! + 64 * i);
const hyper = { beta1: 0.9, oneMinusBeta1: 1 - 0.9, beta2: 0.999, oneMinusBeta2: 1 - 0.999, eps: 1e-8, weightDecay: 0.1 };
const stepF = Float32Array.of(3e-4, 1, 1, 1);
const scalars = Float32Array.of(2, 0.5, 1 - 0.9 ** 3, 1 - 0.999 ** 3);

const inputsOf = (size: number, valueClass: (typeof CLASSES)[number], latched = 0) => ({
  param: values("normal", size, 1),
  grad: values(valueClass, size, 2),
  m: values(valueClass, size, 3).map((x) => 0.1 * x),
  v: values(valueClass, size, 4).map((x) => 0.01 * x * x),
  stepF,
  counts: Uint32Array.of(3, latched, 0, 3),
  scalars,
});

/** A few roundings of each term of each sum; sqrt and division at WGSL's 2.5 ulp, a decay rate rounded to f32. */
function bounds({ inputs, outputs, dims }: JudgeRun): Record<"param" | "m" | "v", (i: number) => number> {
  const { beta1, oneMinusBeta1, beta2, oneMinusBeta2, eps } = dims as typeof hyper;
  const [lr] = inputs["stepF"]!;
  const [, clip, correction1, correction2] = inputs["scalars"]!;
  const m = (i: number): number => 4 * U * (Math.abs(beta1 * inputs["m"]![i]!) + Math.abs(oneMinusBeta1 * inputs["grad"]![i]! * clip!)) + 2 ** -126;
  return {
    m,
    v: (i) => 8 * U * (beta2 * inputs["v"]![i]! + oneMinusBeta2 * (inputs["grad"]![i]! * clip!) ** 2) + 2 ** -126,
    param: (i) => {
      const size = Math.sqrt(outputs["v"]![i]! / correction2!) + eps;
      const update = ((lr! / correction1!) * Math.abs(outputs["m"]![i]!)) / size;
      return 24 * U * update + ((lr! / correction1!) * m(i)) / size + 2 * ulp(inputs["param"]![i]!);
    },
  };
}

describe("adamw", () => {
  it.each(CLASSES)("stays within its bound at every size, gradients %s", async (valueClass) => {
    for (const size of SIZES) {
      const reports = await checkKernel(adamw, { dims: { size, ...hyper }, inputs: inputsOf(size, valueClass), outputs: {}, bound: bounds, samples: 1024 });
      expect(reports[0]!.compared).toBe(3 * Math.min(1024, size));
    }
  }, TIMEOUT_MS);

  it("writes no bit when latched, whatever the gradient holds", async () => {
    const inputs = inputsOf(256, "normal", 1);
    inputs.grad.fill(NaN);
    const after = await runKernel(adamw, { dims: { size: 256, ...hyper }, inputs, outputs: {} });
    for (const name of ["param", "m", "v"] as const) expect(after[name]).toEqual(new Uint32Array(inputs[name].buffer));
  });

  it("refuses a size that is not a multiple of four", () => {
    expect(adamw.variants.filter((variant) => variant.fits?.({ size: 6, ...hyper }) ?? true)).toHaveLength(0);
    expect(adamw.variants.filter((variant) => variant.fits?.({ size: 8, ...hyper }) ?? true)).toHaveLength(1);
  });
});
