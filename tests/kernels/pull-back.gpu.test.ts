import { afterAll, describe, expect, it } from "vitest";
import { pullBack } from "../../src/kernels/pull-back.ts";
import { checkKernel, fittingVariants, printFigures, U, values } from "../support/kernel-harness.ts";
import { CLASSES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

describe("pullBack", () => {
  it.each(CLASSES)("stays within its bound at every size, weights %s", async (valueClass) => {
    for (const size of [4, 64, 252, 256, 260, 1000, 4096, 65_536]) {
      const inputs = { param: values(valueClass, size, 1), anchor: values(valueClass, size, 2), grad: values("normal", size, 3), stepF: Float32Array.of(1e-3, 1, 0.5, 8) };
      const weight = Math.fround(0.3);
      const reports = await checkKernel(pullBack, {
        dims: { size, weight }, inputs, outputs: {}, samples: 1024,
        // Four roundings of the pull, one of the sum.
        bound: () => ({ grad: (i) => 5 * U * 8 * weight * (Math.abs(inputs.param[i]!) + Math.abs(inputs.anchor[i]!)) + 2 * U * Math.abs(inputs.grad[i]!) + 2 ** -126 }),
      });
      expect(reports[0]!.compared).toBe(Math.min(1024, size));
    }
  }, TIMEOUT_MS);

  it("refuses a size that is not a multiple of four", () => {
    expect([6, 8].map((size) => fittingVariants(pullBack, { size, weight: 1 }).length)).toEqual([0, 1]);
  });
});
