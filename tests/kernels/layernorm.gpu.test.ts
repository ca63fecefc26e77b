import { afterAll, describe, expect, it } from "vitest";
import { layernorm } from "../../src/kernels/layernorm.ts";
import { checkKernel, printFigures, values } from "../support/kernel-harness.ts";
import { layernormBounds } from "../support/layernorm-bounds.ts";
import { CLASSES, ROW_SHAPES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

describe("layernorm", () => {
  it.each(CLASSES)("is within its propagated bound on every shape, values %s", async (valueClass) => {
    for (const [N, C] of ROW_SHAPES) {
      const reports = await checkKernel(layernorm, {
        dims: { N, C, eps: 1e-5 },
        inputs: { inp: values(valueClass, N * C, 1), weight: values("normal", C, 2), bias: values("normal", C, 3) },
        outputs: { out: N * C, mean: N, rstd: N },
        bound: (run) => layernormBounds(run, valueClass),
      });
      expect(reports).toHaveLength(C % 16 === 0 ? 4 : C % 4 === 0 ? 3 : 2);
    }
  }, TIMEOUT_MS);

  it("keeps the digits of a row far from zero: 1e4 plus noise of size 1", async () => {
    const [N, C] = [5, 200];
    const reports = await checkKernel(layernorm, {
      dims: { N, C, eps: 1e-5 },
      inputs: { inp: values("normal", N * C, 1).map((x) => 1e4 + x), weight: new Float32Array(C).fill(1), bias: new Float32Array(C) },
      outputs: { out: N * C, mean: N, rstd: N },
      // The mean cannot be held better than half an ulp of 1e4, 5e-4.
      bound: ({ outputs }) => ({ out: 6e-4, mean: 6e-4, rstd: (n) => 1e-5 * outputs["rstd"]![n]! }),
    });
    expect(reports).toHaveLength(C % 16 === 0 ? 4 : C % 4 === 0 ? 3 : 2);
  }, TIMEOUT_MS);
});
