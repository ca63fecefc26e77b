import { afterAll, describe, expect, it } from "vitest";
import { swiglu } from "../../src/kernels/swiglu.ts";
import { checkKernel, printFigures, values } from "../support/kernel-harness.ts";
import { swigluBound } from "../support/llama-bounds.ts";
import { CLASSES, SIZES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

describe("swiglu", () => {
  it.each(CLASSES)("is within its propagated bound at every size, values %s", async (valueClass) => {
    for (const size of SIZES) {
      const inputs = { gate: values(valueClass, size, 1), up: values(valueClass, size, 2) };
      const reports = await checkKernel(swiglu, { dims: { size }, inputs, outputs: { out: size }, bound: swigluBound });
      expect(reports).toHaveLength(size % 4 === 0 ? 2 : 1);
    }
  }, TIMEOUT_MS);

  it("neither overflows nor turns NaN for gates from -1e12 to 3e38, zero and both tails included", async () => {
    const gate = Float32Array.of(0, -0, 1e-38, -1e-20, 0.5, -1.278, 20, -20, 79.9, -79.9, 80.1, -80.1, 89, -89, 1e4, -1e4, 1e12, -1e12, 1e30, 3e38);
    const inputs = { gate, up: new Float32Array(gate.length).fill(1) };
    const reports = await checkKernel(swiglu, { dims: { size: gate.length }, inputs, outputs: { out: gate.length }, bound: swigluBound });
    expect(reports.map(({ variant }) => variant)).toEqual(["scalar", "vec4"]);
  }, TIMEOUT_MS);
});
