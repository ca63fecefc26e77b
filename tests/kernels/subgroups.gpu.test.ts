/** Reductions within subgroups, on a device that has them: the same bounds as the tree's, against the same judge. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Device } from "../../src/device/types.ts";
import { crossEntropy } from "../../src/kernels/cross-entropy.ts";
import { kernels } from "../../src/kernels/index.ts";
import { layernormBackward } from "../../src/kernels/layernorm-backward.ts";
import { layernorm, layernormHalf } from "../../src/kernels/layernorm.ts";
import { rmsnormBackward } from "../../src/kernels/rmsnorm-backward.ts";
import { rmsnorm, rmsnormHalf } from "../../src/kernels/rmsnorm.ts";
import { lossSum } from "../../src/kernels/loss-sum.ts";
import { softmax } from "../../src/kernels/softmax.ts";
import { tokenLogprobs } from "../../src/kernels/token-logprobs.ts";
import { sumSquares } from "../../src/kernels/sum-squares.ts";
import { checkKernel, printFigures, sumBound, testDevice, values, type Report, type ValueClass } from "../support/kernel-harness.ts";
import { layernormBackwardBound, layernormBounds } from "../support/layernorm-bounds.ts";
import { rmsnormBackwardBound, rmsnormBounds, rmsnormInputs } from "../support/llama-bounds.ts";
import { logprobBounds, lossInputs } from "../support/loss-cases.ts";
import { softmaxBound, TIMEOUT_MS } from "../support/row-cases.ts";

const SHAPES = [[1, 1], [3, 5], [2, 64], [5, 200]] as const;
const CLASSES: readonly ValueClass[] = ["normal", "sparse", "one-signed"];

let device: Device;
beforeAll(async () => {
  device = await testDevice({ features: ["subgroups"] });
});
afterAll(printFigures);

const ran = (reports: readonly Report[]): void => expect(reports.at(-1)!.variant).toMatch(/-subgroups$/);

describe.each(CLASSES)("reduced within subgroups, values %s", (valueClass) => {
  it("norms and their gradients are within their bounds", async () => {
    for (const [N, C] of SHAPES) {
      const inp = values(valueClass, N * C, 1);
      const weight = values("normal", C, 2);
      const rms = { inputs: rmsnormInputs(N, C, valueClass), dims: { N, C, accumulate: 0 } };
      ran(await checkKernel(rmsnorm, { device, dims: { N, C, eps: 1e-5 }, inputs: { inp, weight }, outputs: { out: N * C, rstd: N }, bound: rmsnormBounds }));
      ran(await checkKernel(rmsnormBackward, { device, ...rms, outputs: { dinp: N * C }, bound: (run) => ({ dinp: rmsnormBackwardBound(run, valueClass) }) }));
      const inputs = { inp, weight, bias: values("normal", C, 3) };
      ran(await checkKernel(layernorm, { device, dims: { N, C, eps: 1e-5 }, inputs, outputs: { out: N * C, mean: N, rstd: N }, bound: (run) => layernormBounds(run, valueClass) }));
      if (C % 4 === 0) {
        for (const type of ["bf16", "f16"] as const) {
          ran(await checkKernel(rmsnormHalf[type], { device, dims: { N, C, eps: 1e-5 }, inputs: { inp, weight }, outputs: { out: N * C, rstd: N }, bound: rmsnormBounds }));
          ran(await checkKernel(layernormHalf[type], { device, dims: { N, C, eps: 1e-5 }, inputs, outputs: { out: N * C, mean: N, rstd: N }, bound: (run) => layernormBounds(run, valueClass) }));
        }
      }
      const mean = Float32Array.from({ length: N }, (_, n) => inp.subarray(n * C, (n + 1) * C).reduce((sum, x) => sum + x, 0) / C);
      const rstd = mean.map((m, n) => 1 / Math.sqrt(inp.subarray(n * C, (n + 1) * C).reduce((sum, x) => sum + (x - m) ** 2, 0) / C + 1e-5));
      const back = { inp, weight, mean, rstd, dout: values("normal", N * C, 4) };
      ran(await checkKernel(layernormBackward, { device, dims: { N, C, accumulate: 0 }, inputs: back, outputs: { dinp: N * C }, bound: (run) => ({ dinp: layernormBackwardBound(run, valueClass) }) }));
    }
  }, TIMEOUT_MS);

  it("softmax and a token's log-probability are within their bounds", async () => {
    for (const [N, C] of SHAPES) {
      ran(await checkKernel(softmax, { device, dims: { N, C }, inputs: { inp: values(valueClass, N * C, 1) }, outputs: { out: N * C }, bound: (run) => ({ out: softmaxBound(run) }) }));
      ran(await checkKernel(tokenLogprobs, { device, dims: { N, V: C }, inputs: lossInputs(N, C, "normal"), outputs: { logprob: N, lse: N }, bound: logprobBounds }));
    }
  }, TIMEOUT_MS);

  it("losses of a step add up within promise 1", async () => {
    for (const size of [1, 65, 1000]) {
      const loss = values(valueClass, size, 3);
      const mask = Float32Array.from({ length: size }, (_, i) => (i % 3 === 1 ? 0 : 1));
      const sizes = loss.reduce((sum, x, i) => sum + Math.abs(x) * mask[i]!, 0.5);
      ran(await checkKernel(lossSum, {
        device, dims: { size }, inputs: { loss, mask, out: Float32Array.of(0.5, 3) }, outputs: {},
        bound: ({ outputs }) => ({ out: (i) => (i === 0 ? sumBound(size + 1, sizes, outputs["out"]![0]!, valueClass) : 0) }),
      }));
    }
  }, TIMEOUT_MS);

  it("sums of squares are within promise 1", async () => {
    for (const [size, partials] of [[1, 1], [1000, 7], [65, 1]] as const) {
      ran(await checkKernel(sumSquares, {
        device, dims: { size, partials }, inputs: { inp: values(valueClass, size, 3) }, outputs: { partial: partials },
        bound: ({ outputs }) => ({ partial: (i) => sumBound(Math.ceil(size / partials), outputs["partial"]![i]!, outputs["partial"]![i]!, "one-signed") }),
      }));
    }
  }, TIMEOUT_MS);
});

describe("reduced within subgroups", () => {
  it("cross-entropy, whose largest logit stands anywhere, is that of the textbook, behind constants of its own", async () => {
    for (const V of [1, 65, 200]) {
      const N = 4;
      const { logits, targets } = lossInputs(N, V, "normal");
      for (let n = 0; n < N; n++) logits[n * V + ((n * 61) % V)] = 90;
      const inputs = { logits, targets, mask: Float32Array.of(1, 0, 1, 0.5), stepF: Float32Array.of(1e-3, 1, 0.25, 1) };
      ran(await checkKernel(crossEntropy, { device, dims: { N, V }, inputs, outputs: { loss: N }, bound: () => ({ loss: 1e-4, logits: 1e-6 }) }));
    }
  }, TIMEOUT_MS);

  it("is offered by these kernels, after the tree", () => {
    const offering = Object.values(kernels).filter(({ variants }) => variants.some(({ name }) => name.endsWith("-subgroups")));
    expect(offering.map(({ name }) => name).sort()).toEqual(["crossEntropy", "layernorm", "layernormBackward", "layernormBf16", "layernormF16", "lossSum", "rmsnorm", "rmsnormBackward", "rmsnormBf16", "rmsnormF16", "softmax", "sumSquares", "tokenLogprobs"]);
    for (const { variants } of offering) expect(variants.at(-1)!.name).toBe(`${variants.at(-2)!.name}-subgroups`);
  });
});
