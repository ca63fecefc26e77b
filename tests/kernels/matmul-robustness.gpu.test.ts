/**
 * Promise 11 for the products and the column sum: without the adapter's bounds checks every variant gives the same bits and
 * leaves the words on both sides of every buffer alone (the harness fails a run that does not).
 */
import { describe, expect, it } from "vitest";
import { columnSum } from "../../src/kernels/column-sum.ts";
import { matmulNN, matmulNNBias, matmulNNBiasGelu, matmulNNBiasResidual, matmulNT, matmulTN } from "../../src/kernels/matmul.ts";
import { runKernel, testDevice, values } from "../support/kernel-harness.ts";
import { dimsOf, operands, type Shape } from "../support/matmul-cases.ts";

const TIMEOUT_MS = 120_000;
const EDGES: readonly Shape[] = [[1, 1, 1], [1, 4, 4], [3, 5, 7], [4, 8, 12], [7, 6, 9], [9, 12, 8], [31, 17, 33], [36, 20, 28], [65, 3, 63], [68, 16, 76], [129, 9, 66], [132, 12, 60]];

describe("without the adapter's bounds checks", () => {
  const compare = async (run: (device: Awaited<ReturnType<typeof testDevice>>) => Promise<Record<string, Uint32Array>>): Promise<void> => {
    const bare = await run(await testDevice({ toggles: ["disable_robustness"] }));
    expect(bare).toEqual(await run(await testDevice()));
  };

  it.each([matmulNN, matmulNT, matmulTN])("$name gives the same bits, every variant, with and without accumulate", async (kernel) => {
    for (const shape of EDGES) {
      const [M, , N] = shape;
      for (const [variant, { fits }] of kernel.variants.entries()) {
        if (fits && !fits(dimsOf(shape))) continue;
        const inputs = operands(shape, "normal");
        await compare((device) => runKernel(kernel, { dims: dimsOf(shape), inputs, outputs: { out: M * N }, device }, variant));
        await compare((device) => runKernel(kernel, { dims: dimsOf(shape, 1, 0.5), inputs: { ...inputs, out: values("normal", M * N, 3) }, outputs: {}, device }, variant));
      }
    }
  }, TIMEOUT_MS);

  it("the epilogues give the same bits, every variant", async () => {
    for (const shape of EDGES) {
      const [M, K, N] = shape;
      const dims = { M, N, K };
      const inputs = { ...operands(shape, "normal"), bias: values("normal", N, 3) };
      for (const [variant, { fits }] of matmulNNBias.variants.entries()) {
        if (fits && !fits(dims)) continue;
        await compare((device) => runKernel(matmulNNBias, { dims, inputs, outputs: { out: M * N }, device }, variant));
        await compare((device) => runKernel(matmulNNBiasGelu, { dims, inputs, outputs: { pre: M * N, out: M * N }, device }, variant));
        const residual = values("normal", M * N, 4);
        await compare((device) => runKernel(matmulNNBiasResidual, { dims, inputs: { ...inputs, residual }, outputs: { out: M * N }, device }, variant));
      }
    }
  }, TIMEOUT_MS);

  it("columnSum gives the same bits, every variant", async () => {
    for (const [N, C] of [[1, 1], [1, 4], [3, 5], [33, 7], [31, 36], [32, 65], [70, 64]] as const) {
      for (const [variant, { fits }] of columnSum.variants.entries()) {
        if (fits && !fits({ N, C, accumulate: 0 })) continue;
        await compare((device) => runKernel(columnSum, { dims: { N, C, accumulate: 0 }, inputs: { inp: values("normal", N * C) }, outputs: { out: C }, device }, variant));
      }
    }
  }, TIMEOUT_MS);
});
