import { afterAll, describe, expect, it } from "vitest";
import { gelu } from "../../src/kernels/gelu.ts";
import { checkKernel, printFigures, ulp, values, type JudgeRun } from "../support/kernel-harness.ts";
import { CLASSES, geluRelative, SIZES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

/** Past the clamp of the exponent the shader gives x e^-80 where the formula gives less. */
const bound = ({ inputs, outputs }: JudgeRun) => ({
  out: (i: number) => {
    const [x, y] = [inputs["inp"]![i]!, outputs["out"]![i]!];
    return Math.abs(y) * geluRelative(x) + ulp(y) + 2 * Math.abs(x) * Math.exp(-80) + 2 ** -126;
  },
});

describe("gelu", () => {
  it.each(CLASSES)("is within its propagated bound at every size, values %s", async (valueClass) => {
    for (const size of SIZES) {
      const reports = await checkKernel(gelu, { dims: { size }, inputs: { inp: values(valueClass, size) }, outputs: { out: size }, bound });
      expect(reports).toHaveLength(size % 4 === 0 ? 2 : 1);
    }
  }, TIMEOUT_MS);

  it("neither overflows nor turns NaN from -1e12 to 3e38, zero and both tails included", async () => {
    const inp = Float32Array.of(0, -0, 1e-38, -1e-20, 0.5, -0.75, 3, -3, 6, -6, 9.9, -9.9, 15, -15, 100, -100, 1e4, -1e4, 1e6, -1e6, 1e12, -1e12, 1e30, 3e38);
    const reports = await checkKernel(gelu, { dims: { size: inp.length }, inputs: { inp }, outputs: { out: inp.length }, bound });
    expect(reports.map((report) => report.variant)).toEqual(["scalar", "vec4"]);
  }, TIMEOUT_MS);
});
