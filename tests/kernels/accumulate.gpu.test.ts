import { afterAll, describe, expect, it } from "vitest";
import { accumulate } from "../../src/kernels/accumulate.ts";
import { checkKernel, printFigures, ulps, values } from "../support/kernel-harness.ts";
import { CLASSES, SIZES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

describe("accumulate", () => {
  it.each(CLASSES)("adds onto what is there, within an ulp at every size, values %s", async (valueClass) => {
    for (const size of SIZES) {
      const reports = await checkKernel(accumulate, {
        dims: { size },
        inputs: { inp: values(valueClass, size, 1), out: values(valueClass, size, 2) },
        outputs: {},
        bound: ({ outputs }) => ({ out: ulps(outputs["out"]!, 1) }),
      });
      expect(reports).toHaveLength(size % 4 === 0 ? 2 : 1);
    }
  }, TIMEOUT_MS);

  it("covers a tensor of more than 65,535 workgroups", async () => {
    const size = 65_536 * 64 + 3;
    const [report] = await checkKernel(accumulate, {
      dims: { size },
      inputs: { inp: values("repeated", size, 1), out: values("constant", size, 2) },
      outputs: {},
      bound: ({ outputs }) => ({ out: ulps(outputs["out"]!, 1) }),
    });
    expect(report!.compared).toBe(4096);
  }, TIMEOUT_MS);
});
