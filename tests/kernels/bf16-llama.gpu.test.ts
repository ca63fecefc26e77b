/**
 * What a Llama, and LoRA on either family, need besides `bf16.gpu.test.ts`: norms, rotary embedding, SwiGLU, GELU and products that read or store
 * packed bf16, on WebGPU and in WebAssembly, each against the f64 formula of the rounded inputs within the bound of its f32 sibling.
 */
import { afterAll, describe, expect, it } from "vitest";
import { bf16Decode, bf16Encode } from "../../src/core/half.ts";
import type { AnyKernel, Device } from "../../src/device/types.ts";
import { geluBf16 } from "../../src/kernels/gelu.ts";
import { matmulNTBf16ABOut } from "../../src/kernels/matmul-bf16.ts";
import { rmsnormBf16 } from "../../src/kernels/rmsnorm.ts";
import { ropeBf16 } from "../../src/kernels/rope.ts";
import { swigluBackwardBf16 } from "../../src/kernels/swiglu-backward.ts";
import { swigluBf16 } from "../../src/kernels/swiglu.ts";
import { checkKernel, printFigures, runKernel, testDevice, ulp, values } from "../support/kernel-harness.ts";
import { rmsnormBounds, ropeBound, ropeCase, ROPE_SHAPES, swigluBackwardBounds, swigluBound } from "../support/llama-bounds.ts";
import { operands, productBound, SHAPES } from "../support/matmul-cases.ts";
import { geluRelative, ROW_SHAPES, SIZES, TIMEOUT_MS } from "../support/row-cases.ts";
import { wasmDevice } from "../support/wasm.ts";

afterAll(printFigures);

const CLASSES = ["normal", "one-signed", "sparse"] as const;
const devices: readonly (readonly [string, () => Promise<Device>])[] = [["WebGPU", testDevice], ["WebAssembly", wasmDevice]];
const fitting = (kernel: Pick<AnyKernel, "variants">, dims: Readonly<Record<string, number>>, device: Device): number =>
  device.kind === "cpu" ? 1 : kernel.variants.filter(({ fits }) => fits?.(dims) ?? true).length;
const fours = SIZES.filter((size) => size % 4 === 0);

describe.each(devices)("on %s", (_, open) => {
  it("matmulNTBf16ABOut stores the product with a transposed weight, rounded, and no word of another row", async () => {
    const device = await open();
    for (const [i, shape] of SHAPES.filter(([, , N], at) => N % 4 === 0 && at % 2 === 0).entries()) {
      const valueClass = CLASSES[i % CLASSES.length]!;
      const [M, K, N] = shape;
      const reports = await checkKernel(matmulNTBf16ABOut, {
        dims: { M, N, K }, inputs: operands(shape, valueClass), outputs: { out: M * N },
        bound: (run) => ({ out: productBound({ ...run, dims: { ...run.dims, accumulate: 0, alpha: 1 } }, "NT", valueClass) }), samples: 512, device,
      });
      expect(reports).toHaveLength(fitting(matmulNTBf16ABOut as unknown as AnyKernel, { M, N, K }, device));
    }
  }, TIMEOUT_MS);

  it("rmsnormBf16 stores its rows rounded and keeps rstd in f32", async () => {
    const device = await open();
    for (const [i, [N, C]] of ROW_SHAPES.filter(([, columns]) => columns % 4 === 0).entries()) {
      const reports = await checkKernel(rmsnormBf16, {
        dims: { N, C, eps: 1e-5 }, inputs: { inp: values(CLASSES[i % CLASSES.length]!, N * C, 1), weight: values("normal", C, 2) },
        outputs: { out: N * C, rstd: N }, bound: rmsnormBounds, device,
      });
      expect(reports).toHaveLength(device.kind === "cpu" ? 1 : 2);
    }
  }, TIMEOUT_MS);

  it("ropeBf16 stores q and k turned and v as it is, rounded, for heads in multiples of eight", async () => {
    const device = await open();
    const shapes = ROPE_SHAPES.filter((shape) => ropeCase(shape, "normal").dims.HS % 8 === 0);
    expect(shapes.length).toBeGreaterThan(2);
    for (const [i, shape] of shapes.entries()) {
      const { dims, q, k, v, pos, turns, dqkv } = ropeCase(shape, CLASSES[i % CLASSES.length]!);
      const reports = await checkKernel(ropeBf16, {
        dims, inputs: { q, k, v, pos, turns }, outputs: { qkv: dqkv.length },
        bound: ({ outputs }) => ({ qkv: ropeBound([...q, ...k, ...v], outputs["qkv"]!) }), device,
      });
      expect(reports).toHaveLength(1);
    }
  }, TIMEOUT_MS);

  it("swigluBf16 and its backward read what was stored, to both tails", async () => {
    const device = await open();
    const tails = Float32Array.of(0, -0, 1e-38, -1e-20, 0.5, -1.278, 3, -3, 20, -20, 79.9, -79.9, 80.1, -80.1, 89, -89, 1e4, -1e4, 1e12, -1e12);
    const ones = new Float32Array(tails.length).fill(1);
    const cases = [...fours.map((size, i) => ({ gate: values(CLASSES[i % CLASSES.length]!, size, 1), up: values("normal", size, 2), dout: values("normal", size, 3) })), { gate: tails, up: ones, dout: ones }];
    for (const { gate, up, dout } of cases) {
      const size = gate.length;
      const forward = await checkKernel(swigluBf16, { dims: { size }, inputs: { gate, up }, outputs: { out: size }, bound: swigluBound, device });
      const backward = await checkKernel(swigluBackwardBf16, { dims: { size }, inputs: { gate, up, dout }, outputs: { dgate: size, dup: size }, bound: swigluBackwardBounds, device });
      expect([forward.length, backward.length]).toEqual([1, 1]);
    }
  }, TIMEOUT_MS);

  it("geluBf16 stores the GELU of what is not rounded", async () => {
    const device = await open();
    for (const size of fours) {
      const reports = await checkKernel(geluBf16, {
        dims: { size }, inputs: { inp: values("normal", size, 1) }, outputs: { out: size }, device,
        bound: ({ inputs, outputs }) => ({ out: (i: number) => Math.abs(outputs["out"]![i]!) * geluRelative(inputs["inp"]![i]!) + ulp(outputs["out"]![i]!) + Math.exp(-80) }),
      });
      expect(reports).toHaveLength(1);
    }
    // A number that bf16 would round to 1: what is stored is the GELU of the number itself, rounded once.
    const inp = new Float32Array(4).fill(1 + 2 ** -9);
    const { out } = await runKernel(geluBf16, { dims: { size: 4 }, inputs: { inp }, outputs: { out: 4 }, device });
    const exact = inp[0]! / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * (inp[0]! + 0.044715 * inp[0]! ** 3)));
    expect(bf16Decode(new Uint16Array(out!.buffer, out!.byteOffset, 1))[0]).toBe(bf16Decode(bf16Encode(Float32Array.of(exact)))[0]);
  }, TIMEOUT_MS);
});
