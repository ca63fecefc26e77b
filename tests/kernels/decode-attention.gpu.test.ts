import { afterAll, describe, expect, it } from "vitest";
import { decodeAttention } from "../../src/kernels/decode-attention.ts";
import { DECODE_SHAPES, decodeBound, decodeInputs } from "../support/decode-cases.ts";
import { checkKernel, printFigures, runKernel } from "../support/kernel-harness.ts";
import { CLASSES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

describe("decodeAttention", () => {
  it.each(CLASSES)("stays within its bound, stores the current key and value exactly, and reads nothing past them, values %s", async (valueClass) => {
    for (const dims of DECODE_SHAPES) {
      const length = dims.R * dims.NH * dims.HS;
      const reports = await checkKernel(decodeAttention, {
        dims,
        inputs: decodeInputs(dims, valueClass),
        outputs: { out: length },
        bound: (run) => ({ out: decodeBound(run), cache: "exact" }),
        samples: 256,
      });
      expect(reports[0]!.compared).toBeGreaterThanOrEqual(Math.min(256, length));
    }
  }, TIMEOUT_MS);

  it("at position 0 hands back the token's own value, bit by bit", async () => {
    const dims = { R: 2, T: 9, NH: 4, NKV: 2, HS: 65 };
    const inputs = decodeInputs(dims, "normal");
    inputs.pos.fill(0);
    const after = await runKernel(decodeAttention, { dims, inputs, outputs: { out: 2 * 4 * 65 } });
    const out = new Float32Array(after["out"]!.buffer);
    for (let r = 0; r < 2; r++) {
      for (let h = 0; h < 4; h++) {
        const value = r * 8 * 65 + (4 + 2 + (h >> 1)) * 65;
        expect(out.subarray((r * 4 + h) * 65, (r * 4 + h + 1) * 65)).toEqual(inputs.qkv.subarray(value, value + 65));
      }
    }
  });

  it("gives the same bits twice", async () => {
    const dims = { R: 2, T: 193, NH: 2, NKV: 1, HS: 40 };
    const run = () => runKernel(decodeAttention, { dims, inputs: decodeInputs(dims, "normal"), outputs: { out: 2 * 2 * 40 } });
    expect(await run()).toEqual(await run());
  });
});
