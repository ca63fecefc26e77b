/** The WebAssembly kernels with fused multiply-add: within the same bounds, the same training to rounding, and a run keeps the build it began with. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCpuDevice, type CpuDevice } from "../../src/device/cpu/cpu-device.ts";
import { KernelChoices } from "../../src/engine/kernel-choices.ts";
import { attention } from "../../src/kernels/attention.ts";
import { matmulNN, matmulNNBiasGelu, matmulNT, matmulTN } from "../../src/kernels/matmul.ts";
import { MemoryStorage } from "../../src/store/index.ts";
import { ATTENTION_SHAPES, attentionBounds, attentionDimsOf, qkvOf, startsOf } from "../support/attention-bounds.ts";
import { checkKernel, POISON, printFigures } from "../support/kernel-harness.ts";
import { biasedBound, dimsOf, geluBound, operands, productBound, type Shape } from "../support/matmul-cases.ts";
import { hashOf, losses, microTrainer, type FamilyName } from "../support/micro.ts";
import { relaxedModule, wasmModule } from "../support/wasm.ts";

let device: CpuDevice;
beforeAll(async () => {
  device = createCpuDevice({ wasm: await wasmModule(), relaxed: await relaxedModule(), poison: POISON });
}, 60_000);
afterAll(printFigures);

/** One, odd sizes, whole blocks, and past every packed block by one. */
const SHAPES: readonly Shape[] = [[1, 1, 1], [5, 7, 9], [64, 64, 64], [129, 257, 513]];

describe("relaxed SIMD", () => {
  it.each([["NN", matmulNN], ["NT", matmulNT], ["TN", matmulTN]] as const)("keeps matmul%s within the bound of promise 1", async (form, kernel) => {
    for (const valueClass of ["normal", "one-signed"] as const) {
      for (const shape of SHAPES) {
        const reports = await checkKernel(kernel, {
          dims: dimsOf(shape), inputs: operands(shape, valueClass), outputs: { out: shape[0] * shape[2] }, bound: (run) => ({ out: productBound(run, form, valueClass) }), samples: 1024, device,
        });
        expect(reports.every(({ variant }) => variant === "cpu")).toBe(true);
      }
    }
  });

  it("keeps attention within its bound, documents and all", async () => {
    for (const shape of ATTENTION_SHAPES.slice(0, 6)) {
      const dims = attentionDimsOf(shape);
      const N = dims.B * dims.T;
      const reports = await checkKernel(attention, {
        dims, inputs: { qkv: qkvOf(dims, "normal"), start: startsOf(dims, "several") }, outputs: { out: N * dims.NH * dims.HS, lse: N * dims.NH }, bound: (run) => attentionBounds(run, "normal"), device,
      });
      expect(reports.length).toBeGreaterThan(0);
    }
  });

  it.each(["gpt2", "llama"] as FamilyName[])("trains %s as the plain build does to rounding, over 50 steps, and twice to the same bits", async (family) => {
    const run = async (arithmetic: "plain" | "relaxed"): Promise<{ seen: number[]; hash: string }> => {
      device.arithmetic = arithmetic;
      const trainer = await microTrainer(device, { family });
      const seen = await losses(trainer, 50);
      const hash = await hashOf(trainer);
      trainer.destroy();
      return { seen, hash };
    };
    const [plain, relaxed, again] = [await run("plain"), await run("relaxed"), await run("relaxed")];
    const worst = Math.max(...plain.seen.map((loss, i) => Math.abs(loss - relaxed.seen[i]!)));
    console.info(`${family}: losses of 50 steps within ${worst.toExponential(1)} of the plain build's; ${relaxed.hash === plain.hash ? "the same" : "other"} bits`);
    expect(worst).toBeLessThan(1e-4);
    expect(again).toEqual(relaxed);
    expect(relaxed.seen.at(-1)!).toBeLessThan(relaxed.seen[0]! - 0.5);
  });
});

describe("the build that a run trains with", () => {
  const told: string[] = [];
  const choose = async (on: CpuDevice, frozen: Readonly<Record<string, string>> | null): Promise<string | undefined> => {
    const choices = new KernelChoices(on, { kind: "cpu", name: "CPU", why: "", fallbackAdapter: false, features: [], limits: {} }, new MemoryStorage(), { now: () => 0, breathe: async () => {}, userAgent: "test" });
    return (await choices.choose([], frozen, { onProgress: () => {}, shouldStop: () => false, onChanged: (text) => told.push(text) })).choices["cpu"];
  };

  it("is the fused one where there is one, and that of the checkpoint where a run goes on", async () => {
    expect(await choose(device, null)).toBe("relaxed");
    expect(device.arithmetic).toBe("relaxed");
    expect(await choose(device, { cpu: "plain" })).toBe("plain");
    expect(device.arithmetic).toBe("plain");
    expect(await choose(device, { cpu: "relaxed" })).toBe("relaxed");
    // Checkpoints from before there were two.
    expect(await choose(device, { matmulNN: "plain" })).toBe("plain");
    expect(told).toEqual([]);
  });

  it("is the plain one where the browser has no other, which is said where the checkpoint had", async () => {
    const old = createCpuDevice({ wasm: await wasmModule() });
    expect(await choose(old, null)).toBe("plain");
    expect(told).toEqual([]);
    expect(await choose(old, { cpu: "relaxed" })).toBe("plain");
    expect(told).toEqual([expect.stringContaining("results will differ in the last bits")]);
  });
});

describe("the fused GELU", () => {
  it("stays within its bound", async () => {
    device.arithmetic = "relaxed";
    for (const shape of SHAPES) {
      const [M, , N] = shape;
      const reports = await checkKernel(matmulNNBiasGelu, {
        dims: { M, N, K: shape[1] }, inputs: { ...operands(shape, "normal"), bias: new Float32Array(N).fill(0.25) }, outputs: { pre: M * N, out: M * N },
        bound: (run) => {
          const pre = biasedBound(run, "normal", "pre");
          return { pre, out: geluBound(run, pre) };
        },
        samples: 512, device,
      });
      expect(reports.length).toBeGreaterThan(0);
    }
  });
});
