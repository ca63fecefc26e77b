import { afterAll, describe, expect, it } from "vitest";
import { add } from "../../src/kernels/add.ts";
import { checkKernel, printFigures, ulps, values } from "../support/kernel-harness.ts";
import { CLASSES, SIZES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

describe("add", () => {
  it.each(CLASSES)("is within an ulp of the sum at every size, values %s", async (valueClass) => {
    for (const size of SIZES) {
      const reports = await checkKernel(add, {
        dims: { size },
        inputs: { a: values(valueClass, size, 1), b: values(valueClass, size, 2) },
        outputs: { out: size },
        bound: ({ outputs }) => ({ out: ulps(outputs["out"]!, 1) }),
      });
      expect(reports).toHaveLength(size % 4 === 0 ? 2 : 1);
    }
  }, TIMEOUT_MS);
});
