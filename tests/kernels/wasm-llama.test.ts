/** RMSNorm, SwiGLU and rotary embedding in WebAssembly, within the bounds that their shaders keep. */
import { afterAll, describe, expect, it } from "vitest";
import { rmsnormBackwardWeight } from "../../src/kernels/rmsnorm-backward-weight.ts";
import { rmsnormBackward } from "../../src/kernels/rmsnorm-backward.ts";
import { rmsnorm } from "../../src/kernels/rmsnorm.ts";
import { ropeBackward } from "../../src/kernels/rope-backward.ts";
import { rope } from "../../src/kernels/rope.ts";
import { swigluBackward } from "../../src/kernels/swiglu-backward.ts";
import { swiglu } from "../../src/kernels/swiglu.ts";
import { COLUMN_SHAPES } from "../support/column-cases.ts";
import { checkKernel, printFigures, runKernel, values } from "../support/kernel-harness.ts";
import {
  rmsnormBackwardBound, rmsnormBounds, rmsnormInputs, rmsnormWeightBound, ropeBound, ropeCase, ROPE_SHAPES, swigluBackwardBounds, swigluBound,
} from "../support/llama-bounds.ts";
import { CLASSES, ROW_SHAPES, SIZES } from "../support/row-cases.ts";
import { wasmDevice } from "../support/wasm.ts";

const TIMEOUT_MS = 60_000;

afterAll(printFigures);

const device = await wasmDevice();

describe.each(CLASSES)("in WebAssembly, values %s,", (valueClass) => {
  it("rmsnorm and its gradients are within their bounds on every shape", async () => {
    for (const [N, C] of [...ROW_SHAPES, ...COLUMN_SHAPES]) {
      const inputs = rmsnormInputs(N, C, valueClass);
      const { inp, weight } = inputs;
      const { inp: calm, rstd } = rmsnormInputs(N, C, "normal");
      const reports = [
        await checkKernel(rmsnorm, { dims: { N, C, eps: 1e-5 }, inputs: { inp, weight }, outputs: { out: N * C, rstd: N }, bound: rmsnormBounds, device }),
        await checkKernel(rmsnormBackward, { dims: { N, C, accumulate: 0 }, inputs, outputs: { dinp: N * C }, bound: (run) => ({ dinp: rmsnormBackwardBound(run, valueClass) }), device }),
        await checkKernel(rmsnormBackward, {
          dims: { N, C, accumulate: 1 }, inputs: { ...inputs, dinp: values("normal", N * C, 4) }, outputs: {}, bound: (run) => ({ dinp: rmsnormBackwardBound(run, valueClass) }), device,
        }),
        await checkKernel(rmsnormBackwardWeight, {
          dims: { N, C }, inputs: { inp: calm, rstd, dout: inputs.dout, dweight: values(valueClass, C, 4) }, outputs: {}, bound: (run) => ({ dweight: rmsnormWeightBound(run, valueClass) }), device,
        }),
      ];
      expect(reports.flat().map(({ variant }) => variant)).toEqual(["cpu", "cpu", "cpu", "cpu"]);
    }
  }, TIMEOUT_MS);

  it("swiglu and its gradients are within their bounds at every size", async () => {
    for (const size of SIZES) {
      const [gate, up, dout] = [1, 2, 3].map((seed) => values(valueClass, size, seed)) as [Float32Array, Float32Array, Float32Array];
      const forward = await checkKernel(swiglu, { dims: { size }, inputs: { gate, up }, outputs: { out: size }, bound: swigluBound, device });
      const backward = await checkKernel(swigluBackward, { dims: { size }, inputs: { gate, up, dout }, outputs: { dgate: size, dup: size }, bound: swigluBackwardBounds, device });
      expect([forward[0]!.compared, backward[0]!.compared]).toEqual([Math.min(size, 4096), 2 * Math.min(size, 4096)]);
    }
  }, TIMEOUT_MS);

  it("rope and its gradient are within their bounds on every shape", async () => {
    for (const shape of ROPE_SHAPES) {
      const { dims, q, k, v, pos, turns, dqkv } = ropeCase(shape, valueClass);
      const forward = await checkKernel(rope, {
        dims, inputs: { q, k, v, pos, turns }, outputs: { qkv: dqkv.length }, bound: ({ outputs }) => ({ qkv: ropeBound([...q, ...k, ...v], outputs["qkv"]!) }), device,
      });
      const backward = await checkKernel(ropeBackward, {
        dims, inputs: { dqkv, pos, turns }, outputs: { dq: q.length, dk: k.length, dv: k.length },
        bound: ({ outputs: { dq, dk } }) => ({ dq: ropeBound(dqkv, dq!), dk: ropeBound(dqkv, dk!), dv: "exact" }), device,
      });
      expect([forward[0]!.variant, backward[0]!.variant]).toEqual(["cpu", "cpu"]);
    }
  }, TIMEOUT_MS);
});

describe("a NaN in WebAssembly", () => {
  it("reaches what swiglu and rmsnorm make of it, and nothing else", async () => {
    const gate = Float32Array.of(1, NaN, -1, 2, NaN, 3);
    const { out } = await runKernel(swiglu, { dims: { size: 6 }, inputs: { gate, up: new Float32Array(6).fill(2) }, outputs: { out: 6 }, device });
    expect(Array.from(new Float32Array(out!.buffer), Number.isNaN)).toEqual([false, true, false, false, true, false]);
    const inp = Float32Array.of(1, 2, 3, NaN, 5, 6);
    const rows = await runKernel(rmsnorm, { dims: { N: 2, C: 3, eps: 1e-5 }, inputs: { inp, weight: new Float32Array(3).fill(1) }, outputs: { out: 6, rstd: 2 }, device });
    expect(Array.from(new Float32Array(rows["out"]!.buffer), Number.isNaN)).toEqual([false, false, false, true, true, true]);
  });
});
