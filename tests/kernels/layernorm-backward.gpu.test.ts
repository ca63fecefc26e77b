import { afterAll, describe, expect, it } from "vitest";
import { layernormBackward } from "../../src/kernels/layernorm-backward.ts";
import { checkKernel, printFigures, values, type ValueClass } from "../support/kernel-harness.ts";
import { judgeLayernorm } from "../support/judge-ops.ts";
import { layernormBackwardBound } from "../support/layernorm-bounds.ts";
import { CLASSES, ROW_SHAPES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

function inputsOf(N: number, C: number, valueClass: ValueClass): Record<"inp" | "weight" | "mean" | "rstd" | "dout", Float32Array> {
  const [inp, weight] = [values(valueClass, N * C, 1), values("normal", C, 2)];
  const { mean, rstd } = judgeLayernorm(Float64Array.from(inp), Float64Array.from(weight), new Float64Array(C));
  return { inp, weight, mean: Float32Array.from(mean), rstd: Float32Array.from(rstd), dout: values(valueClass, N * C, 3) };
}

describe("layernormBackward", () => {
  it.each(CLASSES)("is within its propagated bound on every shape, values %s", async (valueClass) => {
    for (const [N, C] of ROW_SHAPES) {
      const reports = await checkKernel(layernormBackward, {
        dims: { N, C, accumulate: 0 },
        inputs: inputsOf(N, C, valueClass),
        outputs: { dinp: N * C }, // poisoned: the old value must not be read
        bound: (run) => ({ dinp: layernormBackwardBound(run, valueClass) }),
      });
      expect(reports).toHaveLength(C % 4 === 0 ? 3 : 2);
    }
  }, TIMEOUT_MS);

  it("adds to what is there where accumulate is set", async () => {
    for (const [N, C] of ROW_SHAPES) {
      const reports = await checkKernel(layernormBackward, {
        dims: { N, C, accumulate: 1 },
        inputs: { ...inputsOf(N, C, "normal"), dinp: values("normal", N * C, 4) },
        outputs: {},
        bound: (run) => ({ dinp: layernormBackwardBound(run, "normal") }),
      });
      expect(reports).toHaveLength(C % 4 === 0 ? 3 : 2);
    }
  }, TIMEOUT_MS);
});
