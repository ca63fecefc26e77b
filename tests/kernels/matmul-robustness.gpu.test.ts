/**
 * Promise 11 for the products and the column sum: without the adapter's bounds checks every variant gives the same bits and
 * leaves the words on both sides of every buffer alone (the harness fails a run that does not).
 */
import { describe, expect, it } from "vitest";
import type { Device } from "../../src/device/types.ts";
import { columnSum } from "../../src/kernels/column-sum.ts";
import { matmulNN, matmulNNBias, matmulNNBiasGelu, matmulNNBiasResidual, matmulNT, matmulTN } from "../../src/kernels/matmul.ts";
import { runKernel, testDevice, values } from "../support/kernel-harness.ts";
import { dimsOf, operands, type Shape } from "../support/matmul-cases.ts";

const TIMEOUT_MS = 120_000;
const EDGES: readonly Shape[] = [
  [1, 1, 1],
  [1, 4, 4],
  [3, 5, 7],
  [4, 8, 12],
  [7, 6, 9],
  [9, 12, 8],
  [31, 17, 33],
  [36, 20, 28],
  [65, 3, 63],
  [67, 12, 68],
  [68, 16, 76],
  [129, 9, 66],
  [132, 12, 60],
];

type Words = Record<string, Uint32Array>;

/** A launch's outputs on a device without bounds checks and on one with them. */
async function bothWays(run: (device: Device) => Promise<Words>): Promise<[bare: Words, checked: Words]> {
  return [await run(await testDevice({ toggles: ["disable_robustness"], features: ["subgroups"] })), await run(await testDevice({ features: ["subgroups"] }))];
}

const fitting = <D>(variants: readonly { fits?: (dims: D) => boolean }[], dims: D): number[] =>
  [...variants.keys()].filter((i) => variants[i]!.fits?.(dims) ?? true);

describe("without the adapter's bounds checks", () => {
  it.each([matmulNN, matmulNT, matmulTN])("$name gives the same bits, every variant, with and without accumulate", async (kernel) => {
    for (const shape of EDGES) {
      const size = shape[0] * shape[2];
      const inputs = operands(shape, "normal");
      const fresh = { dims: dimsOf(shape), inputs, outputs: { out: size } };
      const onto = { dims: dimsOf(shape, 1, 0.5), inputs: { ...inputs, out: values("normal", size, 3) }, outputs: {} };
      for (const variant of fitting(kernel.variants, fresh.dims)) {
        for (const testCase of [fresh, onto]) {
          const [bare, checked] = await bothWays((device) => runKernel(kernel, { ...testCase, device }, variant));
          expect(bare).toEqual(checked);
        }
      }
    }
  }, TIMEOUT_MS);

  it("the epilogues give the same bits, every variant", async () => {
    for (const shape of EDGES) {
      const [M, K, N] = shape;
      const dims = { M, N, K };
      const out = M * N;
      const inputs = { ...operands(shape, "normal"), bias: values("normal", N, 3) };
      const residual = values("normal", out, 4);
      for (const variant of fitting(matmulNNBias.variants, dims)) {
        for (const run of [
          (device: Device) => runKernel(matmulNNBias, { dims, inputs, outputs: { out }, device }, variant),
          (device: Device) => runKernel(matmulNNBiasGelu, { dims, inputs, outputs: { pre: out, out }, device }, variant),
          (device: Device) => runKernel(matmulNNBiasResidual, { dims, inputs: { ...inputs, residual }, outputs: { out }, device }, variant),
        ]) {
          const [bare, checked] = await bothWays(run);
          expect(bare).toEqual(checked);
        }
      }
    }
  }, TIMEOUT_MS);

  it.each(["1 1", "1 4", "3 5", "33 7", "31 36", "32 65", "70 64"])("columnSum gives the same bits, every variant, N and C %s", async (shape) => {
    const [N, C] = shape.split(" ").map(Number) as [number, number];
    const testCase = { dims: { N, C, accumulate: 0 }, inputs: { inp: values("normal", N * C) }, outputs: { out: C } };
    for (const variant of fitting(columnSum.variants, testCase.dims)) {
      const [bare, checked] = await bothWays((device) => runKernel(columnSum, { ...testCase, device }, variant));
      expect(bare).toEqual(checked);
    }
  }, TIMEOUT_MS);
});
