/** The bench's own roofs compute what they say, on the GPU and in WebAssembly: a peak of wrong numbers would be none. */
import { afterAll, describe, expect, it } from "vitest";
import { copy } from "../../src/kernels/copy.ts";
import { peakFma } from "../../src/kernels/peak-fma.ts";
import { checkKernel, printFigures, ulps, values } from "../support/kernel-harness.ts";
import { CLASSES, TIMEOUT_MS } from "../support/row-cases.ts";
import { wasmDevice } from "../support/wasm.ts";

afterAll(printFigures);

/** Multiples of four about the edges of a workgroup, and past one row of the grid. */
const SIZES = [4, 60, 64, 68, 252, 256, 260, 1028];

describe.each(["webgpu", "cpu"])("on %s", (backend) => {
  const device = async (): Promise<{ device?: Awaited<ReturnType<typeof wasmDevice>> }> => (backend === "cpu" ? { device: await wasmDevice() } : {});

  it.each(CLASSES)("copy keeps the bits, values %s", async (valueClass) => {
    for (const size of SIZES) {
      const reports = await checkKernel(copy, { dims: { size }, inputs: { inp: values(valueClass, size) }, outputs: { out: size }, bound: () => ({ out: "exact" }), ...(await device()) });
      expect(reports).toHaveLength(1);
    }
  }, TIMEOUT_MS);

  it.each(CLASSES)("peakFma is within the roundings of its rounds, values %s", async (valueClass) => {
    for (const [at, size] of SIZES.entries()) {
      const rounds = [0, 1, 2, 7, 64][at % 5]!;
      const inp = values(valueClass, size);
      // A round takes three quarters of an error over and adds one rounding: four in all. The largest chain starts at |inp| + 7, eight are added.
      const bound = ulps(Float64Array.from(inp, (x) => 8 * (Math.abs(x) + 8)), 8);
      const reports = await checkKernel(peakFma, { dims: { size, rounds }, inputs: { inp }, outputs: { out: size }, bound: () => ({ out: bound }), ...(await device()) });
      expect(reports).toHaveLength(1);
    }
  }, TIMEOUT_MS);
});
