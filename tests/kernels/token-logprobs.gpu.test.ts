import { afterAll, describe, expect, it } from "vitest";
import { tokenLogprobs } from "../../src/kernels/token-logprobs.ts";
import { checkKernel, fittingVariants, printFigures, runKernel, testDevice } from "../support/kernel-harness.ts";
import { logprobBounds, LOSS_SHAPES, lossInputs, VALUE_CLASSES } from "../support/loss-cases.ts";

const TIMEOUT_MS = 120_000;

afterAll(printFigures);

describe("tokenLogprobs", () => {
  it.each(VALUE_CLASSES)("stays within its bound on every shape, logits %s", async (valueClass) => {
    for (const [N, V] of LOSS_SHAPES) {
      const reports = await checkKernel(tokenLogprobs, {
        dims: { N, V },
        inputs: lossInputs(N, V, valueClass),
        outputs: { logprob: N, lse: N },
        bound: logprobBounds,
      });
      expect(reports[0]!.compared).toBe(2 * N);
    }
  }, TIMEOUT_MS);

  it("survives logits at which exp overflows and rows masked with -1e30", async () => {
    const V = 5;
    const logits = Float32Array.of(
      1e4, -1e4, 0, 1e4, 3e3,
      -1e30, -1e30, 2, -1e30, -1e30,
      -1e30, -1e30, -1e30, -1e30, -1e30,
      1e30, 0, -1e30, 1, 2,
    );
    const inputs = { logits, targets: Uint32Array.of(3, 2, 1, 0) };
    const reports = await checkKernel(tokenLogprobs, { dims: { N: 4, V }, inputs, outputs: { logprob: 4, lse: 4 }, bound: logprobBounds });
    expect(reports[0]!.compared).toBe(8);
    for (const variant of fittingVariants(tokenLogprobs, { N: 4, V })) {
      const after = await runKernel(tokenLogprobs, { dims: { N: 4, V }, inputs, outputs: { logprob: 4, lse: 4 } }, variant);
      const logprob = new Float32Array(after["logprob"]!.buffer);
      expect(logprob[0]).toBeCloseTo(-Math.LN2, 6);
      expect(logprob[1]).toBe(0);
      expect(logprob[2]).toBeCloseTo(-Math.log(5), 6);
      expect(logprob[3]).toBe(0);
    }
  });

  it("lets a NaN or an infinity in a row through to that row alone", async () => {
    const device = await testDevice({ features: ["subgroups"] });
    for (const bad of [NaN, Infinity]) {
      for (const variant of tokenLogprobs.variants.keys()) {
        const inputs = { logits: Float32Array.of(0, 1, 2, 3, 0, bad, 2, 3, 0, 1, 2, 3), targets: Uint32Array.of(0, 0, 0) };
        const after = await runKernel(tokenLogprobs, { device, dims: { N: 3, V: 4 }, inputs, outputs: { logprob: 3, lse: 3 } }, variant);
        const finite = Array.from(after["logprob"]!, (word) => (word & 0x7f800000) !== 0x7f800000);
        expect(finite).toEqual([true, false, true]);
      }
    }
  });
});
