import { afterAll, describe, expect, it } from "vitest";
import { softmax } from "../../src/kernels/softmax.ts";
import { checkKernel, printFigures, values } from "../support/kernel-harness.ts";
import { CLASSES, ROW_SHAPES, softmaxBound, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

describe("softmax", () => {
  // Exponentials have one sign, so promise 1's bound for one-signed sums holds whatever the class of the logits.
  it.each(CLASSES)("is within its propagated bound on every shape, values %s", async (valueClass) => {
    for (const [N, C] of ROW_SHAPES) {
      const reports = await checkKernel(softmax, {
        dims: { N, C },
        inputs: { inp: values(valueClass, N * C) },
        outputs: { out: N * C },
        bound: (run) => ({ out: softmaxBound(run) }),
      });
      expect(reports).toHaveLength(C % 4 === 0 ? 3 : 2);
    }
  }, TIMEOUT_MS);

  it("does not overflow on logits of 1e4 nor lose a row masked with -1e30", async () => {
    const [N, C] = [4, 67];
    const inp = values("large", N * C);
    inp.fill(-1e30, 2 * C, 3 * C);
    inp[2 * C + 66] = 5;
    inp.fill(-1e30, 3 * C, 4 * C);
    const reports = await checkKernel(softmax, {
      dims: { N, C },
      inputs: { inp },
      outputs: { out: N * C },
      bound: (run) => ({ out: softmaxBound(run) }),
    });
    expect(reports).toHaveLength(2);
  }, TIMEOUT_MS);
});
