import { afterAll, describe, expect, it } from "vitest";
import { geluBackward } from "../../src/kernels/gelu-backward.ts";
import { checkKernel, printFigures, ulp, values, type JudgeRun } from "../support/kernel-harness.ts";
import { CLASSES, geluRelative, SIZES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

/** The slope is s + x s (1 - s) 2u', and both terms carry the logistic's error: they cancel near x = -0.75, their errors do not. */
const bound = ({ inputs, outputs }: JudgeRun) => ({
  grad: (i: number) => {
    const [x, g, y] = [inputs["pre"]![i]!, inputs["grad"]![i]!, outputs["grad"]![i]!];
    const root = Math.sqrt(2 / Math.PI);
    const u2 = 2 * root * (x + 0.044715 * x ** 3);
    const s = 1 / (1 + Math.exp(-u2));
    const steep = Math.abs(x) * s * (1 / (1 + Math.exp(u2))) * 2 * root * (1 + 3 * 0.044715 * x * x);
    const tail = Math.exp(-80) * (1 + Math.abs(x) ** 3);
    return Math.abs(g) * ((s + 2 * steep) * geluRelative(x) + tail) + ulp(y) + 2 ** -126;
  },
});

describe("geluBackward", () => {
  it.each(CLASSES)("is within its propagated bound at every size, values %s", async (valueClass) => {
    for (const size of SIZES) {
      const reports = await checkKernel(geluBackward, {
        dims: { size },
        inputs: { pre: values(valueClass, size, 1), grad: values(valueClass, size, 2) },
        outputs: {},
        bound,
      });
      expect(reports).toHaveLength(size % 4 === 0 ? 2 : 1);
    }
  }, TIMEOUT_MS);

  it("stays finite to |x| of 1e6, zero, the minimum and both tails included", async () => {
    const pre = Float32Array.of(0, -0, 1e-38, -1e-20, 0.5, -0.7517916, 3, -3, 6, -6, 9.9, -9.9, 15, -15, 100, -100, 1e3, -1e3, 1e6, -1e6);
    const reports = await checkKernel(geluBackward, {
      dims: { size: pre.length },
      inputs: { pre, grad: new Float32Array(pre.length).fill(1) },
      outputs: {},
      bound,
    });
    expect(reports.map((report) => report.variant)).toEqual(["scalar", "vec4"]);
  }, TIMEOUT_MS);
});
