import { afterAll, describe, expect, it } from "vitest";
import { sumSquares } from "../../src/kernels/sum-squares.ts";
import { checkKernel, printFigures, runKernel, sumBound, values } from "../support/kernel-harness.ts";
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
    const after = await runKernel(sumSquares, { dims: { size: 10, partials: 6 }, inputs: { inp }, outputs: { partial: 6 } });
    expect(Array.from(new Float32Array(after["partial"]!.buffer))).toEqual([1, 13, 41, 85, 145, 0]);
  });

  it("gives the same bits twice", async () => {
    const run = () => runKernel(sumSquares, { dims: { size: 4100, partials: 7 }, inputs: { inp: values("normal", 4100) }, outputs: { partial: 7 } });
    expect((await run())["partial"]).toEqual((await run())["partial"]);
  });
});
