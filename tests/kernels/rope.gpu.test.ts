import { afterAll, describe, expect, it } from "vitest";
import { rope, ropeTable } from "../../src/kernels/rope.ts";
import { checkKernel, printFigures, runKernel, values } from "../support/kernel-harness.ts";
import { ropeBound, ropeCase, ROPE_SHAPES } from "../support/llama-bounds.ts";
import { CLASSES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

describe("rope", () => {
  it.each(CLASSES)("turns and packs within two roundings of the largest value on every shape, values %s", async (valueClass) => {
    for (const shape of ROPE_SHAPES) {
      const { dims, q, k, v, pos, turns, dqkv } = ropeCase(shape, valueClass);
      const reports = await checkKernel(rope, {
        dims,
        inputs: { q, k, v, pos, turns },
        outputs: { qkv: dqkv.length },
        bound: ({ outputs }) => ({ qkv: ropeBound([...q, ...k, ...v], outputs["qkv"]!) }),
      });
      expect(reports).toHaveLength(dims.HS % 8 === 0 ? 2 : 1);
    }
  }, TIMEOUT_MS);

  it("leaves position 0 and every value as they are, to the last bit", async () => {
    const [q, k, v] = [values("normal", 32, 1), values("normal", 16, 2), values("normal", 16, 3)];
    const turns = ropeTable(4, 8, 10_000);
    for (const variant of rope.variants.keys()) {
      const { qkv } = await runKernel(rope, { dims: { N: 2, NH: 2, NKV: 1, HS: 8 }, inputs: { q, k, v, pos: Uint32Array.of(0, 3), turns }, outputs: { qkv: 64 } }, variant);
      const got = new Float32Array(qkv!.buffer, qkv!.byteOffset, 64);
      expect([...got.subarray(0, 32)]).toEqual([...q.subarray(0, 16), ...k.subarray(0, 8), ...v.subarray(0, 8)]);
      expect([...got.subarray(56)]).toEqual([...v.subarray(8)]);
      expect([...got.subarray(32, 48)]).not.toEqual([...q.subarray(16)]);
    }
  }, TIMEOUT_MS);
});
