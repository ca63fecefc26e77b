/**
 * What a Llama, and LoRA on either family, need besides `bf16.gpu.test.ts`: norms, rotary embedding, SwiGLU, GELU and products that read or store
 * packed halves, bf16 and f16, on WebGPU and in WebAssembly, each against the f64 formula of the rounded inputs within the bound of its f32 sibling.
 */
import { afterAll, describe, expect, it } from "vitest";
import { HALVES, type HalfType } from "../../src/core/half.ts";
import type { AnyKernel, Device } from "../../src/device/types.ts";
import { geluHalf } from "../../src/kernels/gelu.ts";
import { matmulNTHalfABOut } from "../../src/kernels/matmul-half.ts";
import { rmsnormHalf } from "../../src/kernels/rmsnorm.ts";
import { ropeHalf } from "../../src/kernels/rope.ts";
import { swigluBackwardHalf } from "../../src/kernels/swiglu-backward.ts";
import { swigluHalf } from "../../src/kernels/swiglu.ts";
import { checkKernel, printFigures, runKernel, testDevice, ulp, values } from "../support/kernel-harness.ts";
import { rmsnormBounds, ropeBound, ropeCase, ROPE_SHAPES, swigluBackwardBounds, swigluBound } from "../support/llama-bounds.ts";
import { operands, productBound, SHAPES } from "../support/matmul-cases.ts";
import { geluRelative, ROW_SHAPES, SIZES, TIMEOUT_MS } from "../support/row-cases.ts";
import { wasmDevice } from "../support/wasm.ts";

afterAll(printFigures);

const CLASSES = ["normal", "one-signed", "sparse"] as const;
const TYPES: readonly HalfType[] = ["bf16", "f16"];
const devices: readonly (readonly [string, HalfType, () => Promise<Device>])[] = TYPES.flatMap((type) => [["WebGPU", type, () => testDevice({ features: ["subgroups"] })] as const, ["WebAssembly", type, wasmDevice] as const]);
const fitting = (kernel: Pick<AnyKernel, "variants">, dims: Readonly<Record<string, number>>, device: Device): number =>
  device.kind === "cpu" ? 1 : kernel.variants.filter(({ fits, requires = [] }) => (fits?.(dims) ?? true) && requires.every((feature) => device.features.has(feature))).length;
const fours = SIZES.filter((size) => size % 4 === 0);

describe.each(devices)("on %s, of %s,", (_, type, open) => {
  it("matmulNTHalfABOut stores the product with a transposed weight, rounded, and no word of another row", async () => {
    const device = await open();
    for (const [i, shape] of SHAPES.filter(([, , N], at) => N % 4 === 0 && at % 2 === 0).entries()) {
      const valueClass = CLASSES[i % CLASSES.length]!;
      const [M, K, N] = shape;
      const reports = await checkKernel(matmulNTHalfABOut[type], {
        dims: { M, N, K }, inputs: operands(shape, valueClass), outputs: { out: M * N },
        bound: (run) => ({ out: productBound({ ...run, dims: { ...run.dims, accumulate: 0, alpha: 1 } }, "NT", valueClass) }), samples: 512, device,
      });
      expect(reports).toHaveLength(fitting(matmulNTHalfABOut[type] as unknown as AnyKernel, { M, N, K }, device));
    }
  }, TIMEOUT_MS);

  it("rmsnormHalf stores its rows rounded and keeps rstd in f32", async () => {
    const device = await open();
    for (const [i, [N, C]] of ROW_SHAPES.filter(([, columns]) => columns % 4 === 0).entries()) {
      const reports = await checkKernel(rmsnormHalf[type], {
        dims: { N, C, eps: 1e-5 }, inputs: { inp: values(CLASSES[i % CLASSES.length]!, N * C, 1), weight: values("normal", C, 2) },
        outputs: { out: N * C, rstd: N }, bound: rmsnormBounds, device,
      });
      expect(reports).toHaveLength(device.kind === "cpu" ? 1 : 3);
    }
  }, TIMEOUT_MS);

  it("ropeHalf stores q and k turned and v as it is, rounded, for heads in multiples of eight", async () => {
    const device = await open();
    const shapes = ROPE_SHAPES.filter((shape) => ropeCase(shape, "normal").dims.HS % 8 === 0);
    expect(shapes.length).toBeGreaterThan(2);
    for (const [i, shape] of shapes.entries()) {
      const { dims, q, k, v, pos, turns, dqkv } = ropeCase(shape, CLASSES[i % CLASSES.length]!);
      const reports = await checkKernel(ropeHalf[type], {
        dims, inputs: { q, k, v, pos, turns }, outputs: { qkv: dqkv.length },
        bound: ({ outputs }) => ({ qkv: ropeBound([...q, ...k, ...v], outputs["qkv"]!) }), device,
      });
      expect(reports).toHaveLength(1);
    }
  }, TIMEOUT_MS);

  it("swigluHalf and its backward read what was stored, to both tails", async () => {
    const device = await open();
    const tails = Float32Array.of(0, -0, 1e-38, -1e-20, 0.5, -1.278, 3, -3, 20, -20, 79.9, -79.9, 80.1, -80.1, 89, -89, 1e4, -1e4, ...(type === "bf16" ? [1e12, -1e12] : [6e4, -6e4]));
    const ones = new Float32Array(tails.length).fill(1);
    const cases = [...fours.map((size, i) => ({ gate: values(CLASSES[i % CLASSES.length]!, size, 1), up: values("normal", size, 2), dout: values("normal", size, 3) })), { gate: tails, up: ones, dout: ones }];
    for (const { gate, up, dout } of cases) {
      const size = gate.length;
      const forward = await checkKernel(swigluHalf[type], { dims: { size }, inputs: { gate, up }, outputs: { out: size }, bound: swigluBound, device });
      const backward = await checkKernel(swigluBackwardHalf[type], { dims: { size }, inputs: { gate, up, dout }, outputs: { dgate: size, dup: size }, bound: swigluBackwardBounds, device });
      expect([forward.length, backward.length]).toEqual([1, 1]);
    }
  }, TIMEOUT_MS);

  it("geluHalf stores the GELU of what is not rounded", async () => {
    const device = await open();
    for (const size of fours) {
      const reports = await checkKernel(geluHalf[type], {
        dims: { size }, inputs: { inp: values("normal", size, 1) }, outputs: { out: size }, device,
        bound: ({ inputs, outputs }) => ({ out: (i: number) => Math.abs(outputs["out"]![i]!) * geluRelative(inputs["inp"]![i]!) + ulp(outputs["out"]![i]!) + Math.exp(-80) }),
      });
      expect(reports).toHaveLength(1);
    }
    // A number that a half would round to 1: what is stored is the GELU of the number itself, rounded once.
    const inp = new Float32Array(4).fill(1 + 2 ** (type === "bf16" ? -9 : -12));
    const { out } = await runKernel(geluHalf[type], { dims: { size: 4 }, inputs: { inp }, outputs: { out: 4 }, device });
    const exact = inp[0]! / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * (inp[0]! + 0.044715 * inp[0]! ** 3)));
    expect(HALVES[type].decode(new Uint16Array(out!.buffer, out!.byteOffset, 1))[0]).toBe(HALVES[type].decode(HALVES[type].encode(Float32Array.of(exact)))[0]);
  }, TIMEOUT_MS);
});
