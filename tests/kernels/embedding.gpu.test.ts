import { afterAll, describe, expect, it } from "vitest";
import { embedding } from "../../src/kernels/embedding.ts";
import { checkKernel, integers, printFigures, ulps, values } from "../support/kernel-harness.ts";
import { CLASSES, ROW_SHAPES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

describe("embedding", () => {
  it.each(CLASSES)("adds the rows of both tables within an ulp on every shape, values %s", async (valueClass) => {
    for (const [N, C] of ROW_SHAPES) {
      const [V, T] = [Math.max(1, N >> 1), Math.max(1, N >> 2)]; // so that ids repeat
      const reports = await checkKernel(embedding, {
        dims: { N, C },
        inputs: { ids: integers(N, V, 1), pos: integers(N, T, 2), wte: values(valueClass, V * C, 3), wpe: values(valueClass, T * C, 4) },
        outputs: { out: N * C },
        bound: ({ outputs }) => ({ out: ulps(outputs["out"]!, 1) }),
      });
      expect(reports).toHaveLength(C % 4 === 0 ? 2 : 1);
    }
  }, TIMEOUT_MS);
});
