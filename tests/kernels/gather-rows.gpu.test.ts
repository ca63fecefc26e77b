import { afterAll, describe, expect, it } from "vitest";
import { gatherRows } from "../../src/kernels/gather-rows.ts";
import { checkKernel, integers, printFigures, values } from "../support/kernel-harness.ts";
import { CLASSES, ROW_SHAPES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

describe("gatherRows", () => {
  it.each(CLASSES)("copies rows bit by bit, repeated and in any order, values %s", async (valueClass) => {
    for (const [N, C] of ROW_SHAPES) {
      for (const R of [1, 3]) {
        const index = integers(R, N, C);
        index[R - 1] = N - 1;
        const reports = await checkKernel(gatherRows, {
          dims: { R, C },
          inputs: { inp: values(valueClass, N * C, C), index },
          outputs: { out: R * C },
          bound: () => ({ out: "exact" }),
        });
        expect(reports[0]!.compared).toBe(R * C);
      }
    }
  }, TIMEOUT_MS);
});
