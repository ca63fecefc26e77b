import { afterAll, describe, expect, it } from "vitest";
import { createCpuDevice } from "../../src/device/cpu/cpu-device.ts";
import { matmulNN, matmulNNBias, matmulNNBiasGelu, matmulNNBiasResidual, matmulNT, matmulTN } from "../../src/kernels/matmul.ts";
import { checkKernel, POISON, printFigures, runKernel, values } from "../support/kernel-harness.ts";
import { biasedBound, CLASSES, dimsOf, geluBound, operands, productBound, SHAPES, type Shape } from "../support/matmul-cases.ts";
import { wasmDevice } from "../support/wasm.ts";

const TIMEOUT_MS = 60_000;

/** Across the packed blocks: more than MC = 128 rows, NC = 512 columns and KC = 256 deep, each by one. */
const BLOCK_SHAPES: readonly Shape[] = [
  [129, 257, 513],
  [257, 513, 9],
  [5, 511, 1025],
  [128, 256, 512],
];

afterAll(printFigures);

const device = await wasmDevice();

const products = [
  { form: "NN", kernel: matmulNN },
  { form: "NT", kernel: matmulNT },
  { form: "TN", kernel: matmulTN },
] as const;

describe.each(products)("matmul$form in WebAssembly", ({ form, kernel }) => {
  it.each(CLASSES)(
    "stays within the bound of promise 1 on every shape, values %s",
    async (valueClass) => {
      for (const shape of [...SHAPES, ...BLOCK_SHAPES]) {
        const [M, , N] = shape;
        const reports = await checkKernel(kernel, {
          dims: dimsOf(shape),
          inputs: operands(shape, valueClass),
          outputs: { out: M * N },
          bound: (run) => ({ out: productBound(run, form, valueClass) }),
          samples: 1024,
          device,
        });
        expect(reports[0]!.compared).toBeGreaterThan(0);
      }
    },
    TIMEOUT_MS,
  );

  it(
    "adds alpha times the product to out where accumulate is set, over more than one block of K",
    async () => {
      for (const shape of [
        [5, 7, 3],
        [64, 64, 64],
        [129, 257, 24],
        [3, 600, 70],
      ] as const) {
        const [M, , N] = shape;
        const [report] = await checkKernel(kernel, {
          dims: dimsOf(shape, 1, -0.37),
          inputs: { ...operands(shape, "normal"), out: values("normal", M * N, 3) },
          outputs: {},
          bound: (run) => ({ out: productBound(run, form, "normal") }),
          device,
        });
        expect(report!.worst).toBeLessThanOrEqual(1);
      }
    },
    TIMEOUT_MS,
  );

  it("gives a row the same bits whichever other rows are computed with it", async () => {
    const [M, K, N] = [131, 300, 40] as const;
    const { a, b } = operands([M, K, N], "normal");
    const whole = (await runKernel(kernel, { dims: dimsOf([M, K, N]), inputs: { a, b }, outputs: { out: M * N }, device }))["out"]!;
    const first = 5; // the rows from here on, alone
    const rest = M - first;
    const part =
      form === "TN"
        ? Float32Array.from({ length: K * rest }, (_, i) => a[Math.floor(i / rest) * M + first + (i % rest)]!)
        : a.slice(first * K);
    const split = (await runKernel(kernel, { dims: dimsOf([rest, K, N]), inputs: { a: part, b }, outputs: { out: rest * N }, device }))[
      "out"
    ]!;
    expect(split).toEqual(whole.slice(first * N));
  });
});

describe("matmulNN with an epilogue in WebAssembly", () => {
  it.each(CLASSES)(
    "adds bias, GELU and residual within their bounds, values %s",
    async (valueClass) => {
      for (const shape of [...SHAPES, ...BLOCK_SHAPES]) {
        const [M, K, N] = shape;
        const shared = { dims: { M, N, K }, samples: 512, device };
        const inputs = { ...operands(shape, valueClass), bias: values(valueClass, N, 3) };
        const out = M * N;
        const plain = await checkKernel(matmulNNBias, {
          ...shared,
          inputs,
          outputs: { out },
          bound: (run) => ({ out: biasedBound(run, valueClass, "out") }),
        });
        const gelu = await checkKernel(matmulNNBiasGelu, {
          ...shared,
          inputs,
          outputs: { pre: out, out },
          bound: (run) => {
            const pre = biasedBound(run, valueClass, "pre");
            return { pre, out: geluBound(run, pre) };
          },
        });
        const residual = await checkKernel(matmulNNBiasResidual, {
          ...shared,
          inputs: { ...inputs, residual: values(valueClass, out, 4) },
          outputs: { out },
          bound: (run) => ({ out: biasedBound(run, valueClass, "out") }),
        });
        expect([plain, gelu, residual].flat().map((report) => report.variant)).toEqual(["cpu", "cpu", "cpu"]);
      }
    },
    TIMEOUT_MS,
  );
});

describe("the textbook functions on the CPU device", () => {
  it("agree with the judge where there is no WebAssembly", async () => {
    const bare = createCpuDevice({ poison: POISON });
    for (const { form, kernel } of products) {
      const [report] = await checkKernel(kernel, {
        dims: dimsOf([33, 65, 17]),
        inputs: operands([33, 65, 17], "normal"),
        outputs: { out: 33 * 17 },
        bound: (run) => ({ out: productBound(run, form, "normal") }),
        device: bare,
      });
      expect(report!.worst).toBeLessThan(1);
    }
  });
});
