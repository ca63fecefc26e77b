import { afterAll, describe, expect, it } from "vitest";
import { swigluBackward } from "../../src/kernels/swiglu-backward.ts";
import { checkKernel, printFigures, values } from "../support/kernel-harness.ts";
import { swigluBackwardBounds } from "../support/llama-bounds.ts";
import { CLASSES, SIZES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

describe("swigluBackward", () => {
  it.each(CLASSES)("is within its propagated bounds at every size, values %s", async (valueClass) => {
    for (const size of SIZES) {
      const reports = await checkKernel(swigluBackward, {
        dims: { size },
        inputs: { gate: values(valueClass, size, 1), up: values(valueClass, size, 2), dout: values(valueClass, size, 3) },
        outputs: { dgate: size, dup: size },
        bound: swigluBackwardBounds,
      });
      expect(reports).toHaveLength(size % 4 === 0 ? 2 : 1);
    }
  }, TIMEOUT_MS);

  it("stays finite for gates to 1e12, zero, the minimum and both tails included", async () => {
    const gate = Float32Array.of(0, -0, 1e-38, -1e-20, 0.5, -1.278, 3, -3, 20, -20, 79.9, -79.9, 80.1, -80.1, 89, -89, 1e4, -1e4, 1e12, -1e12);
    const ones = new Float32Array(gate.length).fill(1);
    const reports = await checkKernel(swigluBackward, {
      dims: { size: gate.length },
      inputs: { gate, up: ones, dout: ones },
      outputs: { dgate: gate.length, dup: gate.length },
      bound: swigluBackwardBounds,
    });
    expect(reports.map(({ variant }) => variant)).toEqual(["scalar", "vec4"]);
  }, TIMEOUT_MS);
});
