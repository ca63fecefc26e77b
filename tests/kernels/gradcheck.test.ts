/** The judge's gradients against central differences of the judge's own forward formulas, in f64. */
import { describe, expect, it } from "vitest";
import { drawKey } from "../../src/core/random.ts";
import { dropout } from "../../src/kernels/dropout.ts";
import { embeddingBackward } from "../../src/kernels/embedding-backward.ts";
import { embedding } from "../../src/kernels/embedding.ts";
import { geluBackward } from "../../src/kernels/gelu-backward.ts";
import { gelu } from "../../src/kernels/gelu.ts";
import { gradcheck, normals } from "../support/gradcheck.ts";
import { judgeAttention, judgeAttentionBackward, judgeLayernorm, judgeLayernormBackward } from "../support/judge-ops.ts";

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
