/**
 * Kernels whose operands are stored as packed bf16, on WebGPU and in WebAssembly: each against the f64 formula of the rounded inputs,
 * within the bound of its f32 sibling; what it stores as bf16 may be off by half a unit in its last place more.
 */
import { afterAll, describe, expect, it } from "vitest";
import { bf16Decode, bf16Encode } from "../../src/core/half.ts";
import type { AnyKernel, Device } from "../../src/device/types.ts";
import { attentionBackwardKVBf16 } from "../../src/kernels/attention-backward-kv.ts";
import { attentionBackwardQBf16 } from "../../src/kernels/attention-backward-q.ts";
import { attentionBf16 } from "../../src/kernels/attention.ts";
import { geluBackwardBf16 } from "../../src/kernels/gelu-backward.ts";
import { layernormBf16 } from "../../src/kernels/layernorm.ts";
import {
  matmulNNBf16AB, matmulNNBf16B, matmulNNBiasBf16AB, matmulNNBiasBf16ABOut, matmulNNBiasGeluBf16, matmulNNBiasResidualBf16AB, matmulNTBf16AB, matmulNTBf16B, matmulTNBf16A, matmulTNBf16B,
} from "../../src/kernels/matmul-bf16.ts";
import { packBf16 } from "../../src/kernels/pack-bf16.ts";
import { ATTENTION_SHAPES, attentionBounds, attentionDimsOf, qkvOf, startsOf } from "../support/attention-bounds.ts";
import { judgeAttention } from "../support/judge-ops.ts";
import { checkKernel, printFigures, runKernel, testDevice, ulp, values, type JudgeRun } from "../support/kernel-harness.ts";
import { layernormBounds } from "../support/layernorm-bounds.ts";
import { biasedBound, dimsOf, geluBound, operands, productBound, SHAPES, type Shape } from "../support/matmul-cases.ts";
import { wasmDevice } from "../support/wasm.ts";
import { geluRelative, ROW_SHAPES, SIZES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

/** One of mean zero, one whose sums grow, one with zeros; all of bf16's own range. */
const CLASSES = ["normal", "one-signed", "sparse"] as const;

const rounded = (x: Float32Array): Float32Array => bf16Decode(bf16Encode(x));

const devices: readonly (readonly [string, () => Promise<Device>])[] = [["WebGPU", testDevice], ["WebAssembly", wasmDevice]];

const fitting = (kernel: Pick<AnyKernel, "variants">, dims: Readonly<Record<string, number>>, device: Device): number =>
  device.kind === "cpu" ? 1 : kernel.variants.filter(({ fits }) => fits?.(dims) ?? true).length;

const products = [
  { kernel: matmulNNBf16AB, form: "NN" }, { kernel: matmulNNBf16B, form: "NN" }, { kernel: matmulNTBf16AB, form: "NT" }, { kernel: matmulNTBf16B, form: "NT" },
  { kernel: matmulTNBf16A, form: "TN" }, { kernel: matmulTNBf16B, form: "TN" },
] as const;

/** All at night (tests/nightly/both-families), every third by day: the loops are those of the f32 products, which see all of them. */
const shapes = typeof process !== "undefined" && process.env["NESTLING_NIGHTLY"] !== undefined ? SHAPES : SHAPES.filter((_, i) => i % 3 === 2);
const byFour = shapes.filter(([, , N]) => N % 4 === 0);

describe.each(devices)("on %s", (_, open) => {
  describe.each(products)("$kernel.name", ({ kernel, form }) => {
    it("reads rows of any length, odd ones too, and stays within promise 1's bound of the rounded operands", async () => {
      const device = await open();
      for (const [i, shape] of shapes.entries()) {
        const valueClass = CLASSES[i % CLASSES.length]!;
        const [M, , N] = shape;
        const reports = await checkKernel(kernel, {
          dims: dimsOf(shape), inputs: operands(shape, valueClass), outputs: { out: M * N },
          bound: (run) => ({ out: productBound(run, form, valueClass) }), samples: 512, device,
        });
        expect(reports).toHaveLength(fitting(kernel as unknown as AnyKernel, dimsOf(shape), device));
      }
    }, TIMEOUT_MS);

    it("adds alpha times the product to out where accumulate is set", async () => {
      const device = await open();
      for (const shape of [[5, 7, 3], [64, 64, 64], [68, 72, 76]] as const) {
        const [M, , N] = shape;
        const reports = await checkKernel(kernel, {
          dims: dimsOf(shape, 1, -0.37), inputs: { ...operands(shape, "normal"), out: values("normal", M * N, 3) }, outputs: {},
          bound: (run) => ({ out: productBound(run, form, "normal") }), device,
        });
        expect(reports.length).toBeGreaterThan(0);
      }
    }, TIMEOUT_MS);
  });

  const biased = (shape: Shape, valueClass: (typeof CLASSES)[number]) => ({ ...operands(shape, valueClass), bias: values(valueClass, shape[2], 3) });

  it("matmulNNBiasBf16AB and its sibling with a residual stay within promise 1's bound, f32 as they come out", async () => {
    const device = await open();
    for (const [i, shape] of shapes.entries()) {
      const valueClass = CLASSES[i % CLASSES.length]!;
      const [M, K, N] = shape;
      const one = { dims: { M, N, K }, outputs: { out: M * N }, bound: (run: JudgeRun) => ({ out: biasedBound(run, valueClass, "out") }), samples: 512, device };
      const reports = await checkKernel(matmulNNBiasBf16AB, { ...one, inputs: biased(shape, valueClass) });
      const joined = await checkKernel(matmulNNBiasResidualBf16AB, { ...one, inputs: { ...biased(shape, valueClass), residual: values(valueClass, M * N, 4) } });
      expect(reports.length).toBe(joined.length);
    }
  }, TIMEOUT_MS);

  it("matmulNNBiasBf16ABOut and matmulNNBiasGeluBf16 store what the formula gives, rounded, and no word of another row", async () => {
    const device = await open();
    for (const [i, shape] of byFour.entries()) {
      const valueClass = CLASSES[i % CLASSES.length]!;
      const [M, K, N] = shape;
      const dims = { M, N, K };
      const plain = await checkKernel(matmulNNBiasBf16ABOut, {
        dims, inputs: biased(shape, valueClass), outputs: { out: M * N }, bound: (run) => ({ out: biasedBound(run, valueClass, "out") }), samples: 512, device,
      });
      const gelu = await checkKernel(matmulNNBiasGeluBf16, {
        dims, inputs: biased(shape, valueClass), outputs: { pre: M * N, out: M * N }, samples: 512, device,
        bound: (run) => {
          const pre = biasedBound(run, valueClass, "pre");
          return { pre, out: geluBound(run, pre) };
        },
      });
      expect(plain).toHaveLength(fitting(matmulNNBiasBf16ABOut as unknown as AnyKernel, dims, device));
      expect(gelu).toHaveLength(plain.length);
    }
  }, TIMEOUT_MS);

  it("layernormBf16 stores its rows rounded and keeps mean and rstd in f32", async () => {
    const device = await open();
    for (const [i, [N, C]] of ROW_SHAPES.filter(([, columns]) => columns % 4 === 0).entries()) {
      const valueClass = CLASSES[i % CLASSES.length]!;
      const reports = await checkKernel(layernormBf16, {
        dims: { N, C, eps: 1e-5 },
        inputs: { inp: values(valueClass, N * C, 1), weight: values("normal", C, 2), bias: values("normal", C, 3) },
        outputs: { out: N * C, mean: N, rstd: N }, bound: (run) => layernormBounds(run, valueClass), device,
      });
      expect(reports).toHaveLength(device.kind === "cpu" ? 1 : C % 16 === 0 ? 3 : 2);
    }
  }, TIMEOUT_MS);

  it("geluBackwardBf16 takes the slope at the stored number", async () => {
    const device = await open();
    for (const size of SIZES.filter((one) => one % 4 === 0)) {
      const reports = await checkKernel(geluBackwardBf16, {
        dims: { size }, inputs: { pre: values("normal", size, 1), grad: values("normal", size, 2) }, outputs: {}, device,
        bound: ({ inputs, outputs }) => ({
          // As for the f32 kernel, whose test says why.
          grad: (i: number) => {
            const [x, g] = [inputs["pre"]![i]!, inputs["grad"]![i]!];
            const root = 2 * Math.sqrt(2 / Math.PI);
            const u2 = root * (x + 0.044715 * x ** 3);
            const s = 1 / (1 + Math.exp(-u2));
            const steep = Math.abs(x) * s * (1 / (1 + Math.exp(u2))) * root * (1 + 3 * 0.044715 * x * x);
            return Math.abs(g) * ((s + 2 * steep) * geluRelative(x) + Math.exp(-80) * (1 + Math.abs(x) ** 3)) + ulp(outputs["grad"]![i]!) + 2 ** -126;
          },
        }),
      });
      expect(reports).toHaveLength(1);
    }
  }, TIMEOUT_MS);

  it("attentionBf16 and both halves of its backward stay within their propagated bounds on every shape", async () => {
    const device = await open();
    for (const [i, shape] of ATTENTION_SHAPES.entries()) {
      const valueClass = CLASSES[i % CLASSES.length]!;
      const dims = attentionDimsOf(shape);
      const [N, width] = [dims.B * dims.T, dims.NH * dims.HS];
      const qkv = rounded(qkvOf(dims, valueClass, true));
      const start = startsOf(dims, i % 2 ? "several" : "one");
      const judged = judgeAttention(Float64Array.from(qkv), start, dims);
      const common = { dims, bound: (run: JudgeRun) => attentionBounds(run, valueClass), device };
      const forward = await checkKernel(attentionBf16, { ...common, inputs: { qkv, start }, outputs: { out: N * width, lse: N * dims.NH } });
      const dout = values(valueClass, N * width, 2);
      const lse = Float32Array.from(judged.lse);
      const out = rounded(Float32Array.from(judged.out));
      const dqkv = values("normal", qkv.length, 3);
      const queries = await checkKernel(attentionBackwardQBf16, { ...common, inputs: { qkv, start, out, dout, lse, dqkv }, outputs: { delta: N * dims.NH } });
      const delta = Float32Array.from({ length: N * dims.NH }, (_each, row) => {
        let sum = 0;
        for (let c = 0; c < dims.HS; c++) sum += out[row * dims.HS + c]! * dout[row * dims.HS + c]!;
        return sum;
      });
      const keys = await checkKernel(attentionBackwardKVBf16, { ...common, inputs: { qkv, start, dout, lse, delta, dqkv }, outputs: {} });
      expect(forward).toHaveLength(fitting(attentionBf16 as unknown as AnyKernel, dims, device));
      expect([queries.length, keys.length]).toEqual([forward.length, forward.length]);
    }
  }, TIMEOUT_MS);

  it("packBf16 rounds to nearest, ties to even, and keeps infinities, NaN, zeros and their signs: the bits of src/core/half.ts", async () => {
    const device = await open();
    const special = [0, -0, 1, -1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -20, -(1 + 2 ** -8), 3.4e38, -3.4e38, Infinity, -Infinity, NaN, 2 ** -100, 65504, 1 / 3];
    const inp = Float32Array.from([...special, ...values("normal", 1000, 1), ...values("large", 1000, 2), ...values("small", 1000, 3)]);
    const { out } = await runKernel(packBf16, { dims: { size: inp.length }, inputs: { inp }, outputs: { out: inp.length }, device });
    const got = new Uint16Array(out!.buffer, out!.byteOffset, inp.length);
    const want = bf16Encode(inp);
    expect([...got].filter((half, i) => half !== want[i] && !Number.isNaN(inp[i]!))).toEqual([]);
    expect(bf16Decode(got)[special.findIndex(Number.isNaN)]).toBeNaN();
    expect(bf16Decode(got)[special.indexOf(3.4e38)]).toBe(Infinity);
  }, TIMEOUT_MS);
});
