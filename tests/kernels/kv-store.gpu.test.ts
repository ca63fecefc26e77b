import { afterAll, describe, expect, it } from "vitest";
import { kvStore } from "../../src/kernels/kv-store.ts";
import { DECODE_SHAPES } from "../support/decode-cases.ts";
import { checkKernel, printFigures, values } from "../support/kernel-harness.ts";
import { CLASSES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

describe("kvStore", () => {
  it.each(CLASSES)("copies every key and value bit by bit, values %s", async (valueClass) => {
    for (const dims of DECODE_SHAPES) {
      const { R, T, NH, NKV, HS } = dims;
      const reports = await checkKernel(kvStore, {
        dims,
        inputs: { qkv: values(valueClass, R * T * (NH + 2 * NKV) * HS, T) },
        outputs: { cache: R * 2 * T * NKV * HS },
        bound: () => ({ cache: "exact" }),
      });
      expect(reports[0]!.compared).toBe(Math.min(4096, R * 2 * T * NKV * HS));
    }
  }, TIMEOUT_MS);
});
