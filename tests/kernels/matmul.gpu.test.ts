import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Device } from "../../src/device/types.ts";
import { matmulNN, matmulNNBias, matmulNNBiasGelu, matmulNNBiasResidual, matmulNT, matmulTN } from "../../src/kernels/matmul.ts";
import { checkKernel, printFigures, runKernel, testDevice, values } from "../support/kernel-harness.ts";
import { biasedBound, CLASSES, dimsOf, geluBound, operands, productBound, SHAPES, type Shape } from "../support/matmul-cases.ts";

const TIMEOUT_MS = 120_000; // a software adapter compiles each variant in up to a second

let device: Device;
beforeAll(async () => {
  // Some variants swap what they load within subgroups.
  device = await testDevice({ features: ["subgroups"] });
});
afterAll(printFigures);

const AT_NIGHT = typeof process !== "undefined" && process.env["NESTLING_NIGHTLY"] !== undefined;

/** At night (tests/nightly/both-families) every shape with every class; by day a third, each class another: no shape and no class is left out. */
const shapesOf = (place: number): readonly Shape[] => (AT_NIGHT ? SHAPES : SHAPES.filter((_, i) => i % 3 === place % 3));

const products = [
  { form: "NN", kernel: matmulNN },
  { form: "NT", kernel: matmulNT },
  { form: "TN", kernel: matmulTN },
] as const;

describe.each(products)("matmul$form", ({ form, kernel }) => {
  it.each(CLASSES)(
    `stays within the bound of promise 1 on ${AT_NIGHT ? "every shape" : "a third of the shapes"}, values %s`,
    async (valueClass) => {
      for (const shape of shapesOf(CLASSES.indexOf(valueClass))) {
        const [M, , N] = shape;
        const reports = await checkKernel(kernel, {
          device,
          dims: dimsOf(shape),
          inputs: operands(shape, valueClass),
          outputs: { out: M * N },
          bound: (run) => ({ out: productBound(run, form, valueClass) }),
          samples: 1024,
        });
        expect(reports[0]!.compared).toBeGreaterThan(0);
      }
    },
    TIMEOUT_MS,
  );

  it(
    "adds alpha times the product to out where accumulate is set",
    async () => {
      for (const shape of [
        [5, 7, 3],
        [64, 64, 64],
        [68, 72, 76],
        [129, 24, 127],
      ] as const) {
        const [M, , N] = shape;
        const reports = await checkKernel(kernel, {
          device,
          dims: dimsOf(shape, 1, -0.37),
          inputs: { ...operands(shape, "normal"), out: values("normal", M * N, 3) },
          outputs: {},
          bound: (run) => ({ out: productBound(run, form, "normal") }),
        });
        expect(reports.every((report) => report.worst <= 1)).toBe(true);
      }
    },
    TIMEOUT_MS,
  );

  it(
    "gives the same bits twice",
    async () => {
      const shape = [68, 72, 76] as const;
      for (let variant = 0; variant < kernel.variants.length; variant++) {
        const run = () => runKernel(kernel, { device, dims: dimsOf(shape), inputs: operands(shape, "normal"), outputs: { out: 68 * 76 } }, variant);
        expect((await run())["out"]).toEqual((await run())["out"]);
      }
    },
    TIMEOUT_MS,
  );

  it(
    "adds in the same order in every variant with blocks of four k, so that time may decide between them; parts of K are another order",
    async () => {
      const shape = [72, 512, 68] as const;
      const bits = new Map<string, Uint32Array>();
      for (const [variant, { name }] of kernel.variants.entries()) {
        bits.set(name, (await runKernel(kernel, { device, dims: dimsOf(shape), inputs: operands(shape, "normal"), outputs: { out: 72 * 68 } }, variant))["out"]!);
      }
      const blocks = bits.get("blocks-8x8")!;
      for (const name of ["blocks-16x16-vec4", "quads-16x16-vec4", "blocks-8x8-vec4", "tiles-64-vec4"]) expect(bits.get(name), name).toEqual(blocks);
      expect(bits.get("split-k-vec4")).not.toEqual(blocks);
    },
    TIMEOUT_MS,
  );

  it(
    "splits a grid of more than 65,535 workgroups",
    async () => {
      // 2,100,000 x 2 outputs at 64 a workgroup are 65,625 workgroups of the plain variant.
      const shape = [2_100_000, 1, 2] as const;
      const [report] = await checkKernel(kernel, {
        device,
        dims: dimsOf(shape),
        inputs: operands(shape, "repeated"),
        outputs: { out: shape[0] * shape[2] },
        bound: (run) => ({ out: productBound(run, form, "repeated") }),
        variants: ["plain"],
      });
      expect(report!.compared).toBe(4096);
    },
    TIMEOUT_MS,
  );
});

// The products' loops are the same text in each: what differs is what is done with a sum.
const EPILOGUE_CLASSES = ["normal", "large", "repeated"] as const;

describe("matmulNN with an epilogue", () => {
  it.each(EPILOGUE_CLASSES)(
    "adds the bias within the bound of promise 1, values %s",
    async (valueClass) => {
      for (const shape of shapesOf(EPILOGUE_CLASSES.indexOf(valueClass))) {
        const [M, K, N] = shape;
        const reports = await checkKernel(matmulNNBias, {
          device,
          dims: { M, N, K },
          inputs: { ...operands(shape, valueClass), bias: values(valueClass, N, 3) },
          outputs: { out: M * N },
          bound: (run) => ({ out: biasedBound(run, valueClass, "out") }),
          samples: 512,
        });
        expect(reports[0]!.compared).toBeGreaterThan(0);
      }
    },
    TIMEOUT_MS,
  );

  it.each(EPILOGUE_CLASSES)(
    "keeps the sum and writes its GELU, values %s",
    async (valueClass) => {
      for (const shape of shapesOf(EPILOGUE_CLASSES.indexOf(valueClass))) {
        const [M, K, N] = shape;
        const reports = await checkKernel(matmulNNBiasGelu, {
          device,
          dims: { M, N, K },
          inputs: { ...operands(shape, valueClass), bias: values(valueClass, N, 3) },
          outputs: { pre: M * N, out: M * N },
          bound: (run) => {
            const pre = biasedBound(run, valueClass, "pre");
            return { pre, out: geluBound(run, pre) };
          },
          samples: 512,
        });
        expect(reports[0]!.compared).toBeGreaterThan(0);
      }
    },
    TIMEOUT_MS,
  );

  it.each(EPILOGUE_CLASSES)(
    "adds bias and residual within the bound of promise 1, values %s",
    async (valueClass) => {
      for (const shape of shapesOf(EPILOGUE_CLASSES.indexOf(valueClass))) {
        const [M, K, N] = shape;
        const reports = await checkKernel(matmulNNBiasResidual, {
          device,
          dims: { M, N, K },
          inputs: { ...operands(shape, valueClass), bias: values(valueClass, N, 3), residual: values(valueClass, M * N, 4) },
          outputs: { out: M * N },
          bound: (run) => ({ out: biasedBound(run, valueClass, "out") }),
          samples: 512,
        });
        expect(reports[0]!.compared).toBeGreaterThan(0);
      }
    },
    TIMEOUT_MS,
  );
});
