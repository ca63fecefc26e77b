import { afterAll, describe, expect, it } from "vitest";
import { rmsnormBackwardWeight } from "../../src/kernels/rmsnorm-backward-weight.ts";
import { checkKernel, printFigures, values } from "../support/kernel-harness.ts";
import { rmsnormInputs, rmsnormWeightBound } from "../support/llama-bounds.ts";
import { CLASSES, ROW_SHAPES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

describe("rmsnormBackwardWeight", () => {
  it.each(CLASSES)("adds the sum over rows within promise 1's bound on every shape, values %s", async (valueClass) => {
    for (const [N, C] of ROW_SHAPES) {
      const { inp, rstd } = rmsnormInputs(N, C, "normal");
      const reports = await checkKernel(rmsnormBackwardWeight, {
        dims: { N, C },
        inputs: { inp, rstd, dout: values(valueClass, N * C, 3), dweight: values(valueClass, C, 4) },
        outputs: {},
        bound: (run) => ({ dweight: rmsnormWeightBound(run, valueClass) }),
      });
      expect(reports).toHaveLength(C % 4 === 0 ? 3 : 2);
    }
  }, TIMEOUT_MS);
});
