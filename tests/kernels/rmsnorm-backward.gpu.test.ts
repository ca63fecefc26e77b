import { afterAll, describe, expect, it } from "vitest";
import { rmsnormBackward } from "../../src/kernels/rmsnorm-backward.ts";
import { checkKernel, printFigures, values } from "../support/kernel-harness.ts";
import { rmsnormBackwardBound, rmsnormInputs } from "../support/llama-bounds.ts";
import { CLASSES, ROW_SHAPES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

describe("rmsnormBackward", () => {
  it.each(CLASSES)("is within its propagated bound on every shape, values %s", async (valueClass) => {
    for (const [N, C] of ROW_SHAPES) {
      const reports = await checkKernel(rmsnormBackward, {
        dims: { N, C, accumulate: 0 },
        inputs: rmsnormInputs(N, C, valueClass),
        outputs: { dinp: N * C }, // poisoned: the old value must not be read
        bound: (run) => ({ dinp: rmsnormBackwardBound(run, valueClass) }),
      });
      expect(reports).toHaveLength(C % 4 === 0 ? 3 : 2);
    }
  }, TIMEOUT_MS);

  it("adds to what is there where accumulate is set", async () => {
    for (const [N, C] of ROW_SHAPES) {
      const reports = await checkKernel(rmsnormBackward, {
        dims: { N, C, accumulate: 1 },
        inputs: { ...rmsnormInputs(N, C, "normal"), dinp: values("normal", N * C, 4) },
        outputs: {},
        bound: (run) => ({ dinp: rmsnormBackwardBound(run, "normal") }),
      });
      expect(reports).toHaveLength(C % 4 === 0 ? 3 : 2);
    }
  }, TIMEOUT_MS);
});
