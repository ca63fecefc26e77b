/** The shader's generator against Random123's known answers and against src/core/random.ts, bit for bit. */
import { describe, expect, it } from "vitest";
import { threefry2x32 } from "../../src/core/random.ts";
import { defineKernel } from "../../src/device/types.ts";
import random from "../../shaders/lib/random.wgsl?raw";
import wordsWgsl from "../support/threefry-words.wgsl?raw";
import { integers, runKernel } from "../support/kernel-harness.ts";
import { TIMEOUT_MS } from "../support/row-cases.ts";

const threefryWords = defineKernel({
  name: "threefryWords",
  bindings: { inp: "read:u32", out: "write:u32" },
  dims: { size: "u32" },
  cost: ({ size }) => ({ flops: 80 * size, bytes: 24 * size }),
  variants: [{ name: "scalar", wgsl: random + wordsWgsl, workgroups: ({ size }) => Math.ceil(size / 64) }],
  meaning({ inp, out }, { size }) {
    for (let i = 0; i < size; i++) out.set(threefry2x32(inp[4 * i]!, inp[4 * i + 1]!, inp[4 * i + 2]!, inp[4 * i + 3]!), 2 * i);
  },
});

async function onGpu(inp: Uint32Array): Promise<number[]> {
  const size = inp.length / 4;
  const { out } = await runKernel(threefryWords, { dims: { size }, inputs: { inp }, outputs: { out: 2 * size } });
  return [...out!];
}

describe("the shader's threefry2x32", () => {
  it("gives the published results", async () => {
    const inp = Uint32Array.of(0, 0, 0, 0, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3);
    expect(await onGpu(inp)).toEqual([0x6b200159, 0x99ba4efe, 0x1cb996fc, 0xbb002be7, 0xc4923a9c, 0x483df7a0]);
  }, TIMEOUT_MS);

  it("gives the bits of src/core/random.ts on 4,096 random blocks", async () => {
    const inp = integers(4 * 4096, 2 ** 32, 3);
    const want = new Uint32Array(2 * 4096);
    threefryWords.meaning({ inp, out: want }, { size: 4096 });
    expect(await onGpu(inp)).toEqual([...want]);
  }, TIMEOUT_MS);
});
