import { afterAll, describe, expect, it } from "vitest";
import { ropeBackward } from "../../src/kernels/rope-backward.ts";
import { checkKernel, printFigures } from "../support/kernel-harness.ts";
import { ropeBound, ropeCase, ROPE_SHAPES } from "../support/llama-bounds.ts";
import { CLASSES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

describe("ropeBackward", () => {
  it.each(CLASSES)("turns back and takes apart within two roundings of the largest value on every shape, values %s", async (valueClass) => {
    for (const shape of ROPE_SHAPES) {
      const { dims, q, k, pos, turns, dqkv } = ropeCase(shape, valueClass);
      const reports = await checkKernel(ropeBackward, {
        dims,
        inputs: { dqkv, pos, turns },
        outputs: { dq: q.length, dk: k.length, dv: k.length },
        bound: ({ outputs: { dq, dk } }) => ({ dq: ropeBound(dqkv, dq!), dk: ropeBound(dqkv, dk!), dv: "exact" }),
      });
      expect(reports).toHaveLength(dims.HS % 8 === 0 ? 2 : 1);
    }
  }, TIMEOUT_MS);
});
