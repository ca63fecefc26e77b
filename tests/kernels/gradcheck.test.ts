/** The judge's gradients against central differences of the judge's own forward formulas, in f64. */
import { describe, expect, it } from "vitest";
import { drawKey } from "../../src/core/random.ts";
import { dropout } from "../../src/kernels/dropout.ts";
import { embeddingBackward } from "../../src/kernels/embedding-backward.ts";
import { embedding } from "../../src/kernels/embedding.ts";
import { geluBackward } from "../../src/kernels/gelu-backward.ts";
import { gelu } from "../../src/kernels/gelu.ts";
import { rmsnormBackwardWeight } from "../../src/kernels/rmsnorm-backward-weight.ts";
import { rmsnormBackward } from "../../src/kernels/rmsnorm-backward.ts";
import { ropeBackward } from "../../src/kernels/rope-backward.ts";
import { rope, ropeTable } from "../../src/kernels/rope.ts";
import { swigluBackward } from "../../src/kernels/swiglu-backward.ts";
import { swiglu } from "../../src/kernels/swiglu.ts";
import { gradcheck, normals } from "../support/gradcheck.ts";
import { judgeAttention, judgeAttentionBackward, judgeLayernorm, judgeLayernormBackward } from "../support/judge-ops.ts";
import { judgeRmsnorm } from "../support/llama-bounds.ts";

describe("gradcheck", () => {
  it("passes a right gradient and fails one that is off by a millionth part", () => {
    const inputs = { x: normals(5, 1) };
    const forward = ({ x }: Readonly<Record<string, Float64Array>>): Float64Array => x!.map((v) => v * v * v);
    const backward = (factor: number) => ({ x }: Readonly<Record<string, Float64Array>>, dout: Float64Array) => ({
      x: x!.map((v, i) => factor * 3 * v * v * dout[i]!),
    });
    expect(gradcheck({ inputs, forward, backward: backward(1) })).toBe(5);
    expect(() => gradcheck({ inputs, forward, backward: backward(1 + 3e-6) })).toThrow(/central differences say/);
    expect(() => gradcheck({ inputs, forward, backward: backward(NaN) })).toThrow(/central differences say/);
  });
});

describe("each backward is the derivative of its forward", () => {
  it("gelu", () => {
    const size = 64;
    const seen = gradcheck({
      inputs: { x: normals(size, 2, 3) },
      forward: ({ x }) => {
        const out = new Float64Array(size);
        gelu.meaning({ inp: x!, out }, { size });
        return out;
      },
      backward: ({ x }, dout) => {
        const grad = dout.slice();
        geluBackward.meaning({ pre: x!, grad }, { size });
        return { x: grad };
      },
    });
    expect(seen).toBe(size);
  });

  it.each([
    [1, 3],
    [5, 7],
    [4, 32],
  ])("LayerNorm of %i rows of %i: input, weight and bias", (N, C) => {
    const seen = gradcheck({
      inputs: { inp: normals(N * C, 3), weight: normals(C, 4), bias: normals(C, 5) },
      forward: ({ inp, weight, bias }) => judgeLayernorm(inp!, weight!, bias!).out,
      backward: ({ inp, weight, bias }, dout) => {
        const { dinp, dweight, dbias } = judgeLayernormBackward(inp!, weight!, judgeLayernorm(inp!, weight!, bias!), dout);
        return { inp: dinp, weight: dweight, bias: dbias };
      },
    });
    expect(seen).toBe(N * C + 2 * C);
  });

  it.each([
    [1, 3],
    [5, 7],
    [4, 32],
  ])("RMSNorm of %i rows of %i: input and weight", (N, C) => {
    const seen = gradcheck({
      inputs: { inp: normals(N * C, 13), weight: normals(C, 14) },
      forward: ({ inp, weight }) => judgeRmsnorm(inp!, weight!).out,
      backward: ({ inp, weight }, dout) => {
        const { rstd } = judgeRmsnorm(inp!, weight!);
        const [dinp, dweight] = [new Float64Array(N * C), new Float64Array(C)];
        rmsnormBackward.meaning({ inp: inp!, weight: weight!, rstd, dout, dinp }, { N, C, accumulate: 0 });
        rmsnormBackwardWeight.meaning({ inp: inp!, rstd, dout, dweight }, { N, C });
        return { inp: dinp, weight: dweight };
      },
    });
    expect(seen).toBe(N * C + C);
  });

  it("SwiGLU: gate and up", () => {
    const size = 40;
    const seen = gradcheck({
      inputs: { gate: normals(size, 15, 3), up: normals(size, 16) },
      forward: ({ gate, up }) => {
        const out = new Float64Array(size);
        swiglu.meaning({ gate: gate!, up: up!, out }, { size });
        return out;
      },
      backward: ({ gate, up }, dout) => {
        const [dgate, dup] = [new Float64Array(size), new Float64Array(size)];
        swigluBackward.meaning({ gate: gate!, up: up!, dout, dgate, dup }, { size });
        return { gate: dgate, up: dup };
      },
    });
    expect(seen).toBe(2 * size);
  });

  it.each([
    { N: 3, NH: 2, NKV: 1, HS: 4 },
    { N: 2, NH: 3, NKV: 3, HS: 6 },
  ])("rotary embedding of $NH query heads on $NKV key heads, at positions of its own", (dims) => {
    const { N, NH, NKV, HS } = dims;
    const pos = Uint32Array.of(5, 0, 11).subarray(0, N);
    const turns = Float64Array.from(ropeTable(12, HS, 100));
    const seen = gradcheck({
      inputs: { q: normals(N * NH * HS, 17), k: normals(N * NKV * HS, 18), v: normals(N * NKV * HS, 19) },
      forward: ({ q, k, v }) => {
        const qkv = new Float64Array(N * (NH + 2 * NKV) * HS);
        rope.meaning({ q: q!, k: k!, v: v!, pos, turns, qkv }, dims);
        return qkv;
      },
      backward: (_, dqkv) => {
        const [dq, dk, dv] = [NH, NKV, NKV].map((heads) => new Float64Array(N * heads * HS)) as [Float64Array, Float64Array, Float64Array];
        ropeBackward.meaning({ dqkv, pos, turns, dq, dk, dv }, dims);
        return { q: dq, k: dk, v: dv };
      },
    });
    expect(seen).toBe(N * (NH + 2 * NKV) * HS);
  });

  it("embedding: the token table and the position table, with ids that repeat and ids that never come", () => {
    const [N, C, V, T] = [6, 4, 5, 3];
    const ids = Uint32Array.of(4, 0, 4, 1, 4, 0);
    const pos = Uint32Array.of(0, 1, 2, 0, 1, 2);
    const seen = gradcheck({
      inputs: { wte: normals(V * C, 6), wpe: normals(T * C, 7) },
      forward: ({ wte, wpe }) => {
        const out = new Float64Array(N * C);
        embedding.meaning({ ids, pos, wte: wte!, wpe: wpe!, out }, { N, C });
        return out;
      },
      backward: (_, dout) => {
        const [wte, wpe] = [new Float64Array(V * C), new Float64Array(T * C)];
        embeddingBackward.meaning({ ids, dout, dtable: wte }, { N, C, V });
        embeddingBackward.meaning({ ids: pos, dout, dtable: wpe }, { N, C, V: T });
        return { wte, wpe };
      },
    });
    expect(seen).toBe(V * C + T * C);
  });

  it("dropout, whose backward is the same launch on the gradient", () => {
    const size = 50;
    const key = Uint32Array.from(drawKey(1, "dropout", 3, 1));
    const dims = { size, site: 77, p: 0.3 };
    const run = (inp: Float64Array): Float64Array => {
      const out = new Float64Array(size);
      dropout.meaning({ inp, key, out }, dims);
      return out;
    };
    const seen = gradcheck({ inputs: { x: normals(size, 8) }, forward: ({ x }) => run(x!), backward: (_, dout) => ({ x: run(dout) }) });
    expect(seen).toBe(size);
    expect(run(new Float64Array(size).fill(1)).filter((y) => y === 0).length).toBeGreaterThan(5);
  });

  it.each([
    { B: 1, T: 1, NH: 1, NKV: 1, HS: 4 },
    { B: 2, T: 5, NH: 2, NKV: 2, HS: 3 },
    { B: 1, T: 9, NH: 4, NKV: 2, HS: 8 },
    { B: 2, T: 6, NH: 3, NKV: 1, HS: 4 },
  ])("attention with $NH query heads on $NKV key heads, $T tokens, documents that start inside the row", (dims) => {
    const { B, T, NH, NKV, HS } = dims;
    const length = B * T * (NH + 2 * NKV) * HS;
    const start = Uint32Array.from({ length: B * T }, (_, n) => (n % T >= 2 + Math.floor(n / T) ? 2 + Math.floor(n / T) : 0));
    const seen = gradcheck({
      inputs: { qkv: normals(length, 9) },
      forward: ({ qkv }) => judgeAttention(qkv!, start, dims).out,
      backward: ({ qkv }, dout) => ({ qkv: judgeAttentionBackward(qkv!, start, dout, dims) }),
    });
    expect(seen).toBe(Math.min(200, length));
  });
});
