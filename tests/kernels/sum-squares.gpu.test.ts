import { afterAll, describe, expect, it } from "vitest";
import { sumSquares } from "../../src/kernels/sum-squares.ts";
import { checkKernel, fittingVariants, printFigures, runKernel, sumBound, values } from "../support/kernel-harness.ts";
import { CLASSES, SIZES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

describe("sumSquares", () => {
  it.each(CLASSES)("stays within promise 1 at every size, values %s", async (valueClass) => {
    for (const size of SIZES) {
      // One chunk, chunks that do not divide the size, and more chunks than elements.
      for (const partials of [1, 7, 64]) {
        const chunk = Math.ceil(size / partials);
        const reports = await checkKernel(sumSquares, {
          dims: { size, partials },
          inputs: { inp: values(valueClass, size, 3) },
          outputs: { partial: partials },
          bound: ({ outputs }) => ({ partial: (i) => sumBound(chunk, outputs["partial"]![i]!, outputs["partial"]![i]!, "one-signed") }),
        });
        expect(reports[0]!.compared).toBe(partials);
      }
    }
  }, TIMEOUT_MS);

  it("writes 0 for a chunk past the end, and counts each element once", async () => {
    const inp = Float32Array.from({ length: 10 }, (_, i) => i);
    for (const variant of fittingVariants(sumSquares, { size: 10, partials: 6 })) {
      const after = await runKernel(sumSquares, { dims: { size: 10, partials: 6 }, inputs: { inp }, outputs: { partial: 6 } }, variant);
      expect(Array.from(new Float32Array(after["partial"]!.buffer))).toEqual([1, 13, 41, 85, 145, 0]);
    }
    const by4 = { dims: { size: 16, partials: 5 }, inputs: { inp: Float32Array.from({ length: 16 }, (_, i) => i) }, outputs: { partial: 5 } };
    expect(fittingVariants(sumSquares, by4.dims)).toHaveLength(sumSquares.variants.filter(({ requires }) => !requires).length);
    for (const variant of fittingVariants(sumSquares, by4.dims)) {
      const after = await runKernel(sumSquares, by4, variant);
      expect(Array.from(new Float32Array(after["partial"]!.buffer))).toEqual([14, 126, 366, 734, 0]);
    }
  });

  it("gives the same bits twice", async () => {
    for (const variant of fittingVariants(sumSquares, { size: 4096, partials: 8 })) {
      const run = () => runKernel(sumSquares, { dims: { size: 4096, partials: 8 }, inputs: { inp: values("normal", 4096) }, outputs: { partial: 8 } }, variant);
      expect((await run())["partial"]).toEqual((await run())["partial"]);
    }
  });
});
