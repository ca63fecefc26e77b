import { afterAll, describe, expect, it } from "vitest";
import { columnSum } from "../../src/kernels/column-sum.ts";
import { checkKernel, printFigures, runKernel, values } from "../support/kernel-harness.ts";
import { CLASSES } from "../support/matmul-cases.ts";
import { columnSumBound, COLUMN_SHAPES } from "../support/column-cases.ts";

afterAll(printFigures);

describe("columnSum", () => {
  it.each(CLASSES)("stays within the bound of promise 1 on every shape, values %s", async (valueClass) => {
    for (const [N, C] of COLUMN_SHAPES) {
      const reports = await checkKernel(columnSum, {
        dims: { N, C, accumulate: 0 },
        inputs: { inp: values(valueClass, N * C) },
        outputs: { out: C },
        bound: (run) => ({ out: columnSumBound(run, valueClass) }),
      });
      expect(reports[0]!.compared).toBe(C);
    }
  });

  it("adds to out where accumulate is set", async () => {
    const reports = await checkKernel(columnSum, {
      dims: { N: 100, C: 36, accumulate: 1 },
      inputs: { inp: values("normal", 3600), out: values("normal", 36, 2) },
      outputs: {},
      bound: (run) => ({ out: columnSumBound(run, "normal") }),
    });
    expect(reports.length).toBe(columnSum.variants.length);
  });

  it("gives the same bits twice", async () => {
    for (let variant = 0; variant < columnSum.variants.length; variant++) {
      const run = () =>
        runKernel(
          columnSum,
          { dims: { N: 1000, C: 36, accumulate: 0 }, inputs: { inp: values("normal", 36_000) }, outputs: { out: 36 } },
          variant,
        );
      expect((await run())["out"]).toEqual((await run())["out"]);
    }
  });
});
