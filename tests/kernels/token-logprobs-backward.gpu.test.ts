import { afterAll, describe, expect, it } from "vitest";
import { tokenLogprobsBackward } from "../../src/kernels/token-logprobs-backward.ts";
import { checkKernel, printFigures, values } from "../support/kernel-harness.ts";
import { LOSS_SHAPES, lossInputs, rowBounds, softmaxGradientBound, VALUE_CLASSES } from "../support/loss-cases.ts";

const TIMEOUT_MS = 120_000;

afterAll(printFigures);

/** The forward's log-sum-exp as a buffer holds it. */
const lseOf = (logits: Float32Array, N: number, V: number): Float32Array =>
  Float32Array.from(rowBounds(Float64Array.from(logits), N, V), (row) => row.exactLse);

describe("tokenLogprobsBackward", () => {
  it.each(VALUE_CLASSES)("stays within its bound on every shape, logits %s", async (valueClass) => {
    for (const [N, V] of LOSS_SHAPES) {
      const inputs = lossInputs(N, V, valueClass);
      const dlogprob = values("normal", N, 9);
      const lse = lseOf(inputs.logits, N, V);
      const reports = await checkKernel(tokenLogprobsBackward, {
        dims: { N, V },
        inputs: { ...inputs, lse, dlogprob },
        outputs: {},
        bound: (run) => {
          // At logits of 1e4 the f32 lse itself is off; p grows by that much in judge and kernel alike.
          const exact = rowBounds(run.inputs["logits"] as Float64Array, N, V);
          return { logits: softmaxGradientBound(run, (n) => dlogprob[n]! * Math.exp(exact[n]!.exactLse - lse[n]!), (n) => lse[n]!, () => 0) };
        },
        samples: 1024,
      });
      expect(reports[0]!.compared).toBe(Math.min(N * V, 1024));
    }
  }, TIMEOUT_MS);

  it("gives a row whose upstream gradient is 0 zeros", async () => {
    const inputs = lossInputs(3, 65, "normal");
    const dlogprob = Float32Array.of(1, 0, -1);
    const reports = await checkKernel(tokenLogprobsBackward, {
      dims: { N: 3, V: 65 },
      inputs: { ...inputs, lse: lseOf(inputs.logits, 3, 65), dlogprob },
      outputs: {},
      bound: () => ({ logits: (index) => (Math.floor(index / 65) === 1 ? 0 : 1e-6) }),
    });
    expect(reports[0]!.worst).toBeLessThanOrEqual(1);
  });
});
