import { afterAll, describe, expect, it } from "vitest";
import { lossSum } from "../../src/kernels/loss-sum.ts";
import { checkKernel, printFigures, runKernel, sumBound, testDevice, values } from "../support/kernel-harness.ts";
import { CLASSES, SIZES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

const maskOf = (size: number): Float32Array => Float32Array.from({ length: size }, (_, i) => (i % 3 === 1 ? 0 : 1));

describe("lossSum", () => {
  it.each(CLASSES)("adds losses and targets to what is there, within promise 1, at every size, values %s", async (valueClass) => {
    for (const size of SIZES) {
      const loss = values(valueClass, size, 3);
      const mask = maskOf(size);
      const reports = await checkKernel(lossSum, {
        dims: { size },
        inputs: { loss, mask, out: Float32Array.of(0.5, 3) },
        outputs: {},
        bound: ({ outputs }) => {
          const sizes = loss.reduce((sum, x, i) => sum + Math.abs(x) * mask[i]!, 0.5);
          return { out: (i) => (i === 0 ? sumBound(size + 1, sizes, outputs["out"]![0]!, valueClass) : 0) };
        },
      });
      expect(reports[0]!.compared).toBe(2);
    }
  }, TIMEOUT_MS);

  it("gives the same bits twice", async () => {
    const size = 4100;
    const device = await testDevice({ features: ["subgroups"] });
    for (const variant of lossSum.variants.keys()) {
      const run = () => runKernel(lossSum, { device, dims: { size }, inputs: { loss: values("normal", size), mask: maskOf(size), out: new Float32Array(2) }, outputs: {} }, variant);
      expect((await run())["out"]).toEqual((await run())["out"]);
    }
  });
});
