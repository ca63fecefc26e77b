import { afterAll, describe, expect, it } from "vitest";
import { layernormBackwardParams } from "../../src/kernels/layernorm-backward-params.ts";
import { checkKernel, printFigures, sumBound, values, type JudgeRun, type ValueClass } from "../support/kernel-harness.ts";
import { judgeLayernorm } from "../support/judge-ops.ts";
import { CLASSES, ROW_SHAPES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

/** The roundings of one term of dweight beyond that of a product: the difference and rstd's factor. */
const TERM_ROUNDINGS = 3;

function bound({ dims, inputs, outputs }: JudgeRun, valueClass: ValueClass): { dweight: Float64Array; dbias: Float64Array } {
  const { N, C } = dims as { N: number; C: number };
  const { inp, mean, rstd, dout, dweight, dbias } = inputs as Record<string, Float64Array>;
  const [weightSizes, biasSizes] = [dweight!.map(Math.abs), dbias!.map(Math.abs)];
  for (let n = 0; n < N; n++) {
    for (let c = 0; c < C; c++) {
      weightSizes[c]! += Math.abs(dout![n * C + c]! * (inp![n * C + c]! - mean![n]!) * rstd![n]!);
      biasSizes[c]! += Math.abs(dout![n * C + c]!);
    }
  }
  return {
    dweight: weightSizes.map((size, c) => sumBound(N + 1 + TERM_ROUNDINGS, size, outputs["dweight"]![c]!, valueClass)),
    dbias: biasSizes.map((size, c) => sumBound(N + 1, size, outputs["dbias"]![c]!, valueClass)),
  };
}

describe("layernormBackwardParams", () => {
  it.each(CLASSES)("adds both sums within promise 1's bound on every shape, values %s", async (valueClass) => {
    for (const [N, C] of ROW_SHAPES) {
      const inp = values("normal", N * C, 1);
      const { mean, rstd } = judgeLayernorm(Float64Array.from(inp), new Float64Array(C).fill(1), new Float64Array(C));
      const reports = await checkKernel(layernormBackwardParams, {
        dims: { N, C },
        inputs: {
          inp,
          mean: Float32Array.from(mean),
          rstd: Float32Array.from(rstd),
          dout: values(valueClass, N * C, 2),
          dweight: values(valueClass, C, 3),
          dbias: values(valueClass, C, 4),
        },
        outputs: {},
        bound: (run) => bound(run, valueClass),
      });
      expect(reports).toHaveLength(C % 4 === 0 ? 3 : 2);
    }
  }, TIMEOUT_MS);
});
