/**
 * Kernels whose operands are stored as packed halves, bf16 and f16, on WebGPU and in WebAssembly: each against the f64 formula of the rounded inputs,
 * within the bound of its f32 sibling; what it stores as a half may be off by half a unit in its last place more. Variants that multiply in f16 run where
 * a device can: tests/naga.
 */
import { afterAll, describe, expect, it } from "vitest";
import { HALVES, type HalfType } from "../../src/core/half.ts";
import type { AnyKernel, Device } from "../../src/device/types.ts";
import { attentionBackwardKVHalf } from "../../src/kernels/attention-backward-kv.ts";
import { attentionBackwardQHalf } from "../../src/kernels/attention-backward-q.ts";
import { attentionHalf } from "../../src/kernels/attention.ts";
import { geluBackwardHalf } from "../../src/kernels/gelu-backward.ts";
import { layernormHalf } from "../../src/kernels/layernorm.ts";
import {
  matmulNNBiasGeluHalf, matmulNNBiasHalfAB, matmulNNBiasHalfABOut, matmulNNBiasResidualHalfAB, matmulNNHalfAB, matmulNNHalfB, matmulNTHalfAB, matmulNTHalfB, matmulTNHalfA, matmulTNHalfB,
} from "../../src/kernels/matmul-half.ts";
import { packHalf } from "../../src/kernels/pack-half.ts";
import { ATTENTION_SHAPES, attentionBounds, attentionDimsOf, qkvOf, startsOf } from "../support/attention-bounds.ts";
import { judgeAttention } from "../support/judge-ops.ts";
import { checkKernel, printFigures, runKernel, testDevice, ulp, values, type JudgeRun } from "../support/kernel-harness.ts";
import { layernormBounds } from "../support/layernorm-bounds.ts";
import { biasedBound, dimsOf, geluBound, operands, productBound, SHAPES, type Shape } from "../support/matmul-cases.ts";
import { wasmDevice } from "../support/wasm.ts";
import { geluRelative, ROW_SHAPES, SIZES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

/** One of mean zero, one whose sums grow, one with zeros; all within the range of either format. */
const CLASSES = ["normal", "one-signed", "sparse"] as const;

const rounded = (type: HalfType, x: Float32Array): Float32Array => HALVES[type].decode(HALVES[type].encode(x));
const nightly = typeof process !== "undefined" && process.env["NESTLING_NIGHTLY"] !== undefined;

const TYPES: readonly HalfType[] = ["bf16", "f16"];
const devices: readonly (readonly [string, HalfType, () => Promise<Device>])[] = TYPES.flatMap((type) => [["WebGPU", type, () => testDevice({ features: ["subgroups"] })] as const, ["WebAssembly", type, wasmDevice] as const]);

const fitting = (kernel: Pick<AnyKernel, "variants">, dims: Readonly<Record<string, number>>, device: Device): number =>
  device.kind === "cpu" ? 1 : kernel.variants.filter(({ fits, requires = [] }) => (fits?.(dims) ?? true) && requires.every((feature) => device.features.has(feature))).length;

const products = [
  { kernels: matmulNNHalfAB, form: "NN" }, { kernels: matmulNNHalfB, form: "NN" }, { kernels: matmulNTHalfAB, form: "NT" }, { kernels: matmulNTHalfB, form: "NT" },
  { kernels: matmulTNHalfA, form: "TN" }, { kernels: matmulTNHalfB, form: "TN" },
] as const;

/** All at night (tests/nightly/both-families), every third by day: the loops are those of the f32 products, which see all of them. */
const shapes = nightly ? SHAPES : SHAPES.filter((_, i) => i % 3 === 2);
const byFour = shapes.filter(([, , N]) => N % 4 === 0);
/**
 * By day WebGPU, which compiles each variant of each kernel for seconds, sees two products, one with its epilogue and attention with small heads in bf16, and of f16 one
 * product and the norm: modules of the two formats are the same but for what packs and unpacks. WebAssembly sees all.
 */
const allOf = (device: string, type: HalfType): boolean => nightly || device === "WebAssembly" || type === "bf16";
const seen = (device: string, type: HalfType) =>
  nightly || device === "WebAssembly" ? products : products.filter(({ kernels }) => (type === "bf16" ? [matmulNTHalfAB, matmulTNHalfA] : [matmulNTHalfB]).some((one) => one === kernels));

describe.each(devices)("on %s, of %s,", (place, type, open) => {
  /** Absent by day where it is left to the night: a skipped GPU test is a failure. */
  const whole = allOf(place, type) ? [""] : [];
  const all = nightly || place === "WebAssembly" ? [""] : [];
  describe.each(seen(place, type).map(({ kernels, form }) => ({ kernel: kernels[type], form })))("$kernel.name", ({ kernel, form }) => {
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

  it.each(all)("matmulNNBiasHalfAB and its sibling with a residual stay within promise 1's bound, f32 as they come out%s", async () => {
    const device = await open();
    for (const [i, shape] of shapes.entries()) {
      const valueClass = CLASSES[i % CLASSES.length]!;
      const [M, K, N] = shape;
      const one = { dims: { M, N, K }, outputs: { out: M * N }, bound: (run: JudgeRun) => ({ out: biasedBound(run, valueClass, "out") }), samples: 512, device };
      const reports = await checkKernel(matmulNNBiasHalfAB[type], { ...one, inputs: biased(shape, valueClass) });
      const joined = await checkKernel(matmulNNBiasResidualHalfAB[type], { ...one, inputs: { ...biased(shape, valueClass), residual: values(valueClass, M * N, 4) } });
      expect(reports.length).toBe(joined.length);
    }
  }, TIMEOUT_MS);

  it.each(whole)("matmulNNBiasHalfABOut and matmulNNBiasGeluHalf store what the formula gives, rounded, and no word of another row%s", async () => {
    const device = await open();
    for (const [i, shape] of byFour.entries()) {
      const valueClass = CLASSES[i % CLASSES.length]!;
      const [M, K, N] = shape;
      const dims = { M, N, K };
      const plain = await checkKernel(matmulNNBiasHalfABOut[type], {
        dims, inputs: biased(shape, valueClass), outputs: { out: M * N }, bound: (run) => ({ out: biasedBound(run, valueClass, "out") }), samples: 512, device,
      });
      const gelu = await checkKernel(matmulNNBiasGeluHalf[type], {
        dims, inputs: biased(shape, valueClass), outputs: { pre: M * N, out: M * N }, samples: 512, device,
        bound: (run) => {
          const pre = biasedBound(run, valueClass, "pre");
          return { pre, out: geluBound(run, pre) };
        },
      });
      expect(plain).toHaveLength(fitting(matmulNNBiasHalfABOut[type] as unknown as AnyKernel, dims, device));
      expect(gelu).toHaveLength(plain.length);
    }
  }, TIMEOUT_MS);

  it("layernormHalf stores its rows rounded and keeps mean and rstd in f32", async () => {
    const device = await open();
    for (const [i, [N, C]] of ROW_SHAPES.filter(([, columns]) => columns % 4 === 0).entries()) {
      const valueClass = CLASSES[i % CLASSES.length]!;
      const reports = await checkKernel(layernormHalf[type], {
        dims: { N, C, eps: 1e-5 },
        inputs: { inp: values(valueClass, N * C, 1), weight: values("normal", C, 2), bias: values("normal", C, 3) },
        outputs: { out: N * C, mean: N, rstd: N }, bound: (run) => layernormBounds(run, valueClass), device,
      });
      expect(reports).toHaveLength(device.kind === "cpu" ? 1 : C % 16 === 0 ? 4 : 3);
    }
  }, TIMEOUT_MS);

  it.each(whole)("geluBackwardHalf takes the slope at the stored number%s", async () => {
    const device = await open();
    for (const size of SIZES.filter((one) => one % 4 === 0)) {
      const reports = await checkKernel(geluBackwardHalf[type], {
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

  it.each(whole)("attentionHalf and both halves of its backward stay within their propagated bounds on every shape%s", async () => {
    const device = await open();
    for (const [i, shape] of ATTENTION_SHAPES.filter(([, , , , HS]) => nightly || device.kind === "cpu" || HS <= 8).entries()) {
      const valueClass = CLASSES[i % CLASSES.length]!;
      const dims = attentionDimsOf(shape);
      const [N, width] = [dims.B * dims.T, dims.NH * dims.HS];
      const qkv = rounded(type, qkvOf(dims, valueClass, true));
      const start = startsOf(dims, i % 2 ? "several" : "one");
      const judged = judgeAttention(Float64Array.from(qkv), start, dims);
      const common = { dims, bound: (run: JudgeRun) => attentionBounds(run, valueClass), device };
      const forward = await checkKernel(attentionHalf[type], { ...common, inputs: { qkv, start }, outputs: { out: N * width, lse: N * dims.NH } });
      const dout = values(valueClass, N * width, 2);
      const lse = Float32Array.from(judged.lse);
      const out = rounded(type, Float32Array.from(judged.out));
      const dqkv = values("normal", qkv.length, 3);
      const queries = await checkKernel(attentionBackwardQHalf[type], { ...common, inputs: { qkv, start, out, dout, lse, dqkv }, outputs: { delta: N * dims.NH } });
      const delta = Float32Array.from({ length: N * dims.NH }, (_each, row) => {
        let sum = 0;
        for (let c = 0; c < dims.HS; c++) sum += out[row * dims.HS + c]! * dout[row * dims.HS + c]!;
        return sum;
      });
      const keys = await checkKernel(attentionBackwardKVHalf[type], { ...common, inputs: { qkv, start, dout, lse, delta, dqkv }, outputs: {} });
      expect(forward).toHaveLength(fitting(attentionHalf[type] as unknown as AnyKernel, dims, device));
      expect([queries.length, keys.length]).toEqual([forward.length, forward.length]);
    }
  }, TIMEOUT_MS);

  it("packHalf rounds to nearest, ties to even, and keeps infinities, NaN, zeros and their signs: the bits of src/core/half.ts", async () => {
    const device = await open();
    const special = [
      0, -0, 1, -1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -20, -(1 + 2 ** -8), 1 + 2 ** -11, 1 + 3 * 2 ** -11, -(1 + 2 ** -11), 3.4e38, -3.4e38, Infinity, -Infinity, NaN, 2 ** -100, 65504, 1 / 3,
      // Around the largest of f16, its least normal, and its subnormals with their ties.
      65519, 65520, -65520, 2 ** -14, 2 ** -14 * (1 - 2 ** -11), 2 ** -14 * (1 - 2 ** -12), 2 ** -24, -(2 ** -24), 2 ** -25, 1.5 * 2 ** -24, 2.5 * 2 ** -24, -2.5 * 2 ** -24, 1.01 * 2 ** -25, 2 ** -26,
    ];
    const data = [...special, ...values("normal", 1000, 1), ...values("large", 1000, 2), ...values("small", 1000, 3), ...values("normal", 1000, 4).map((x) => x * 2 ** -15)];
    const inp = Float32Array.from([...data, ...Array.from({ length: (4 - (data.length % 4)) % 4 }, () => 0)]);
    const { out } = await runKernel(packHalf[type], { dims: { size: inp.length }, inputs: { inp }, outputs: { out: inp.length }, device });
    const got = new Uint16Array(out!.buffer, out!.byteOffset, inp.length);
    const want = HALVES[type].encode(inp);
    expect([...got].flatMap((half, i) => (half !== want[i] && !Number.isNaN(inp[i]!) ? [`${inp[i]}: ${half}, not ${want[i]}`] : []))).toEqual([]);
    expect(HALVES[type].decode(got)[special.findIndex(Number.isNaN)]).toBeNaN();
    expect(HALVES[type].decode(got)[special.indexOf(3.4e38)]).toBe(Infinity);
  }, TIMEOUT_MS);
});
