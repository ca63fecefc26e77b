import { afterAll, describe, expect, it } from "vitest";
import { rmsnorm } from "../../src/kernels/rmsnorm.ts";
import { checkKernel, printFigures, values } from "../support/kernel-harness.ts";
import { rmsnormBounds } from "../support/llama-bounds.ts";
import { CLASSES, ROW_SHAPES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

describe("rmsnorm", () => {
  it.each(CLASSES)("is within its propagated bound on every shape, values %s", async (valueClass) => {
    for (const [N, C] of ROW_SHAPES) {
      const reports = await checkKernel(rmsnorm, {
        dims: { N, C, eps: 1e-5 },
        inputs: { inp: values(valueClass, N * C, 1), weight: values("normal", C, 2) },
        outputs: { out: N * C, rstd: N },
        bound: rmsnormBounds,
      });
      expect(reports).toHaveLength(C % 4 === 0 ? 3 : 2);
    }
  }, TIMEOUT_MS);

  it("gives zero for a row of zeros, whose rstd is that of eps alone", async () => {
    const reports = await checkKernel(rmsnorm, {
      dims: { N: 2, C: 8, eps: 1e-6 },
      inputs: { inp: new Float32Array(16), weight: values("normal", 8, 2) },
      outputs: { out: 16, rstd: 2 },
      bound: () => ({ out: 0, rstd: 1e-3 }),
    });
    expect(reports.map(({ variant }) => variant)).toEqual(["thread-per-row", "thread-per-row-vec4", "workgroup-per-row"]);
  }, TIMEOUT_MS);
});
