import { afterAll, describe, expect, it } from "vitest";
import { accumulate } from "../../src/kernels/accumulate.ts";
import { add } from "../../src/kernels/add.ts";
import { columnSum } from "../../src/kernels/column-sum.ts";
import { crossEntropy } from "../../src/kernels/cross-entropy.ts";
import { geluBackward } from "../../src/kernels/gelu-backward.ts";
import { gelu } from "../../src/kernels/gelu.ts";
import { layernormBackwardParams } from "../../src/kernels/layernorm-backward-params.ts";
import { layernormBackward } from "../../src/kernels/layernorm-backward.ts";
import { layernorm } from "../../src/kernels/layernorm.ts";
import { softmax } from "../../src/kernels/softmax.ts";
import { columnSumBound, COLUMN_SHAPES } from "../support/column-cases.ts";
import { judgeLayernorm } from "../support/judge-ops.ts";
import { checkKernel, printFigures, runKernel, sumBound, ulp, values, type JudgeRun } from "../support/kernel-harness.ts";
import { layernormBackwardBound, layernormBounds } from "../support/layernorm-bounds.ts";
import { logprobBounds, LOSS_SHAPES, lossInputs, rowBounds, softmaxGradientBound } from "../support/loss-cases.ts";
import { CLASSES, geluRelative, ROW_SHAPES, SIZES, softmaxBound } from "../support/row-cases.ts";
import { wasmDevice } from "../support/wasm.ts";

const TIMEOUT_MS = 60_000;
const FLUSHED = 2 ** -126;

afterAll(printFigures);

const device = await wasmDevice();

describe("element by element in WebAssembly", () => {
  it.each(CLASSES)(
    "gelu and its slope are within their propagated bounds at every size, values %s",
    async (valueClass) => {
      for (const size of SIZES) {
        const inp = values(valueClass, size, 1);
        const forward = await checkKernel(gelu, {
          dims: { size },
          inputs: { inp },
          outputs: { out: size },
          bound: ({ outputs }) => ({
            out: (i) => Math.abs(outputs["out"]![i]!) * geluRelative(inp[i]!) + ulp(outputs["out"]![i]!) + FLUSHED,
          }),
          device,
        });
        const backward = await checkKernel(geluBackward, {
          dims: { size },
          inputs: { pre: inp, grad: values(valueClass, size, 2) },
          outputs: {},
          // s + x s (1 - s) 2u': both terms carry the logistic's error, and where they cancel their errors do not.
          bound: ({ inputs, outputs }) => ({
            grad: (i) => {
              const x = inp[i]!;
              const s = 1 / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
              const steep = Math.abs(x) * s * (1 - s) * 2 * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
              return Math.abs(inputs["grad"]![i]!) * (s + 2 * steep) * geluRelative(x) + ulp(outputs["grad"]![i]!) + FLUSHED;
            },
          }),
          device,
        });
        expect([forward[0]!.variant, backward[0]!.variant]).toEqual(["cpu", "cpu"]);
      }
    },
    TIMEOUT_MS,
  );

  it("gelu neither overflows nor turns NaN from -1e12 to 3e38, and lets a NaN through", async () => {
    const inp = Float32Array.of(0, -0, 1e-38, -1e-20, 3, -3, 9.9, -9.9, 100, -100, 1e6, -1e6, 1e12, -1e12, 1e30, 3e38, NaN);
    const { out } = await runKernel(gelu, { dims: { size: inp.length }, inputs: { inp }, outputs: { out: inp.length }, device });
    const got = Array.from(new Float32Array(out!.buffer));
    expect(got.slice(-5)).toEqual([1e12, -0, 1e30, 3e38, NaN].map(Math.fround));
    expect(got.slice(0, -1).some(Number.isNaN)).toBe(false);
  });

  it("geluBackward stays finite to |x| of 1e30, and lets a NaN through", async () => {
    const pre = Float32Array.of(0, -0, 1e-38, 9.9, -9.9, -10.1, -11, 15, -15, 1e6, -1e6, 1e30, -1e30, NaN);
    const { grad } = await runKernel(geluBackward, {
      dims: { size: pre.length },
      inputs: { pre, grad: new Float32Array(pre.length).fill(1) },
      outputs: {},
      device,
    });
    const got = Array.from(new Float32Array(grad!.buffer));
    expect(got.slice(-5)).toEqual([1, 0, 1, 0, NaN]);
    expect(got.slice(0, -1).every(Number.isFinite)).toBe(true);
  });

  it("add and accumulate round once", async () => {
    for (const size of SIZES) {
      const [a, b] = [values("normal", size, 1), values("large", size, 2)];
      const sum = await checkKernel(add, {
        dims: { size },
        inputs: { a, b },
        outputs: { out: size },
        bound: () => ({ out: "exact" }),
        device,
      });
      const onto = await checkKernel(accumulate, {
        dims: { size },
        inputs: { inp: a, out: b },
        outputs: {},
        bound: () => ({ out: "exact" }),
        device,
      });
      expect([sum[0]!.worst, onto[0]!.worst]).toEqual([0, 0]);
    }
  });
});

describe("rows in WebAssembly", () => {
  it.each(CLASSES)(
    "softmax is within its propagated bound on every shape, values %s",
    async (valueClass) => {
      for (const [N, C] of ROW_SHAPES) {
        const reports = await checkKernel(softmax, {
          dims: { N, C },
          inputs: { inp: values(valueClass, N * C) },
          outputs: { out: N * C },
          bound: (run) => ({ out: softmaxBound(run) }),
          device,
        });
        expect(reports[0]!.variant).toBe("cpu");
      }
    },
    TIMEOUT_MS,
  );

  it.each(CLASSES)(
    "crossEntropy is within its bound on every shape, logits %s, every third row masked",
    async (valueClass) => {
      for (const [N, V] of LOSS_SHAPES) {
        const mask = Float32Array.from({ length: N }, (_, n) => (n % 3 === 1 ? 0 : 0.5 + (n % 2)));
        const share = Math.fround(1 / 77);
        const reports = await checkKernel(crossEntropy, {
          dims: { N, V },
          inputs: { ...lossInputs(N, V, valueClass), mask, stepF: Float32Array.of(1e-3, 1, share, 4) },
          outputs: { loss: N },
          bound: (run) => {
            const rows = rowBounds(run.inputs["logits"] as Float64Array, N, V);
            const { logprob } = logprobBounds(run);
            const gradient = softmaxGradientBound(
              run,
              (n) => mask[n]! * share * 4,
              (n) => rows[n]!.max,
              (n) => rows[n]!.sum,
            );
            return { loss: (n) => (mask[n]! > 0 ? logprob[n]! : 0), logits: (i) => (mask[Math.floor(i / V)]! > 0 ? gradient(i) : 0) };
          },
          samples: 1024,
          device,
        });
        expect(reports[0]!.compared).toBe(N + Math.min(N * V, 1024));
      }
    },
    TIMEOUT_MS,
  );

  it("crossEntropy stops at a target that the vocabulary does not hold, rather than write into another tensor", async () => {
    const inputs = {
      logits: values("normal", 10),
      targets: Uint32Array.of(5),
      mask: Float32Array.of(1),
      stepF: Float32Array.of(1e-3, 1, 1, 1),
    };
    await expect(
      runKernel(crossEntropy, {
        dims: { N: 1, V: 5 },
        inputs: { ...inputs, logits: inputs.logits.slice(0, 5) },
        outputs: { loss: 1 },
        device,
      }),
    ).rejects.toThrow(/unreachable/);
  });

  it("crossEntropy lets a NaN reach its row's loss and gradient, and no other row", async () => {
    const { logits, targets } = lossInputs(2, 65, "normal");
    logits[40] = NaN;
    const inputs = { logits, targets, mask: Float32Array.of(1, 1), stepF: Float32Array.of(1e-3, 1, 1, 1) };
    const after = await runKernel(crossEntropy, { dims: { N: 2, V: 65 }, inputs, outputs: { loss: 2 }, device });
    expect(Array.from(new Float32Array(after["loss"]!.buffer), Number.isNaN)).toEqual([true, false]);
    expect(new Float32Array(after["logits"]!.buffer).findIndex((x, i) => Number.isNaN(x) !== i < 65)).toBe(-1);
  });

  it.each(CLASSES)(
    "layernorm and its gradients are within their bounds on every shape, values %s",
    async (valueClass) => {
      for (const [N, C] of ROW_SHAPES) {
        const [inp, weight, dout] = [values(valueClass, N * C, 1), values("normal", C, 2), values(valueClass, N * C, 3)];
        const judged = judgeLayernorm(Float64Array.from(inp), Float64Array.from(weight), new Float64Array(C));
        const [mean, rstd] = [Float32Array.from(judged.mean), Float32Array.from(judged.rstd)];
        const forward = await checkKernel(layernorm, {
          dims: { N, C, eps: 1e-5 },
          inputs: { inp, weight, bias: values("normal", C, 3) },
          outputs: { out: N * C, mean: N, rstd: N },
          bound: (run) => layernormBounds(run, valueClass),
          device,
        });
        const backward = await checkKernel(layernormBackward, {
          dims: { N, C, accumulate: 0 },
          inputs: { inp, weight, mean, rstd, dout },
          outputs: { dinp: N * C },
          bound: (run) => ({ dinp: layernormBackwardBound(run, valueClass) }),
          device,
        });
        const onto = await checkKernel(layernormBackward, {
          dims: { N, C, accumulate: 1 },
          inputs: { inp, weight, mean, rstd, dout, dinp: values("normal", N * C, 4) },
          outputs: {},
          bound: (run) => ({ dinp: layernormBackwardBound(run, valueClass) }),
          device,
        });
        expect([forward, backward, onto].flat().map((report) => report.variant)).toEqual(["cpu", "cpu", "cpu"]);
      }
    },
    TIMEOUT_MS,
  );

  it("layernorm keeps the digits of a row far from zero: 1e4 plus noise of size 1", async () => {
    const [N, C] = [5, 200];
    const reports = await checkKernel(layernorm, {
      dims: { N, C, eps: 1e-5 },
      inputs: { inp: values("normal", N * C, 1).map((x) => 1e4 + x), weight: new Float32Array(C).fill(1), bias: new Float32Array(C) },
      outputs: { out: N * C, mean: N, rstd: N },
      bound: ({ outputs }) => ({ out: 6e-4, mean: 6e-4, rstd: (n) => 1e-5 * outputs["rstd"]![n]! }),
      device,
    });
    expect(reports[0]!.worst).toBeLessThan(1);
  });
});

/** A term of dweight is rounded three times more than a product: the difference, and rstd's factor. */
function paramsBound(
  { dims, inputs, outputs }: JudgeRun,
  valueClass: (typeof CLASSES)[number],
): { dweight: Float64Array; dbias: Float64Array } {
  const { N, C } = dims as { N: number; C: number };
  const { inp, mean, rstd, dout, dweight, dbias } = inputs as Record<string, Float64Array>;
  const sizes = [dweight!.map(Math.abs), dbias!.map(Math.abs)] as const;
  for (let i = 0; i < N * C; i++) {
    const n = Math.floor(i / C);
    sizes[0][i % C]! += Math.abs(dout![i]! * (inp![i]! - mean![n]!) * rstd![n]!);
    sizes[1][i % C]! += Math.abs(dout![i]!);
  }
  return {
    dweight: sizes[0].map((size, c) => sumBound(N + 4, size, outputs["dweight"]![c]!, valueClass)),
    dbias: sizes[1].map((size, c) => sumBound(N + 1, size, outputs["dbias"]![c]!, valueClass)),
  };
}

describe("columns in WebAssembly", () => {
  it.each(CLASSES)(
    "columnSum is within the bound of promise 1 on every shape, values %s",
    async (valueClass) => {
      for (const [N, C] of COLUMN_SHAPES) {
        const inp = values(valueClass, N * C);
        const fresh = await checkKernel(columnSum, {
          dims: { N, C, accumulate: 0 },
          inputs: { inp },
          outputs: { out: C },
          bound: (run) => ({ out: columnSumBound(run, valueClass) }),
          device,
        });
        const onto = await checkKernel(columnSum, {
          dims: { N, C, accumulate: 1 },
          inputs: { inp, out: values(valueClass, C, 2) },
          outputs: {},
          bound: (run) => ({ out: columnSumBound(run, valueClass) }),
          device,
        });
        expect([fresh[0]!.compared, onto[0]!.compared]).toEqual([C, C]);
      }
    },
    TIMEOUT_MS,
  );

  it.each(CLASSES)(
    "layernormBackwardParams adds both sums within the bound of promise 1 on every shape, values %s",
    async (valueClass) => {
      for (const [N, C] of [...ROW_SHAPES, ...COLUMN_SHAPES]) {
        const inp = values("normal", N * C, 1);
        const { mean, rstd } = judgeLayernorm(Float64Array.from(inp), new Float64Array(C).fill(1), new Float64Array(C));
        const reports = await checkKernel(layernormBackwardParams, {
          dims: { N, C },
          inputs: {
            inp,
            mean: Float32Array.from(mean),
            rstd: Float32Array.from(rstd),
            dout: values(valueClass, N * C, 2),
            dweight: values(valueClass, C, 3),
            dbias: values(valueClass, C, 4),
          },
          outputs: {},
          bound: (run) => paramsBound(run, valueClass),
          device,
        });
        expect(reports[0]!.compared).toBe(2 * C);
      }
    },
    TIMEOUT_MS,
  );
});
