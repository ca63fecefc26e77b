/** The judge's formulas against PyTorch's float64 (tests/fixtures/make_ops.py), op by op, forward and gradients. */
import { describe, expect, it } from "vitest";
import { embeddingBackward } from "../../src/kernels/embedding-backward.ts";
import { embedding } from "../../src/kernels/embedding.ts";
import { geluBackward } from "../../src/kernels/gelu-backward.ts";
import { gelu } from "../../src/kernels/gelu.ts";
import { softmax } from "../../src/kernels/softmax.ts";
import { floatsOf, idsOf, readFixture, worstError } from "../support/fixture-tensors.ts";
import { judgeAttention, judgeAttentionBackward, judgeLayernorm, judgeLayernormBackward, packQkv } from "../support/judge-ops.ts";

const ops = readFixture("ops.safetensors");
const f = (key: string): Float64Array => floatsOf(ops, key);
/** Both sides compute in f64; what is left is the order of sums. */
const TOLERANCE = 1e-12;

describe("the judge agrees with PyTorch in float64", () => {
  it("on gelu and its gradient, far into both tails", () => {
    const inp = f("gelu_tanh.in.x");
    const out = new Float64Array(inp.length);
    gelu.meaning({ inp, out }, { size: inp.length });
    expect(worstError(out, f("gelu_tanh.out"))).toBeLessThan(TOLERANCE);
    const grad = f("gelu_tanh.dout").slice();
    geluBackward.meaning({ pre: inp, grad }, { size: inp.length });
    expect(worstError(grad, f("gelu_tanh.d.x"))).toBeLessThan(TOLERANCE);
  });

  it("on softmax", () => {
    const [N, C] = ops.get("softmax.in.x")!.shape as [number, number];
    const out = new Float64Array(N * C);
    softmax.meaning({ inp: f("softmax.in.x"), out }, { N, C });
    expect(worstError(out, f("softmax.out"))).toBeLessThan(TOLERANCE);
  });

  it("on LayerNorm and all three gradients", () => {
    const [inp, weight, bias] = [f("layernorm.in.x"), f("layernorm.in.w"), f("layernorm.in.b")];
    const forward = judgeLayernorm(inp, weight, bias);
    expect(worstError(forward.out, f("layernorm.out"))).toBeLessThan(TOLERANCE);
    const { dinp, dweight, dbias } = judgeLayernormBackward(inp, weight, forward, f("layernorm.dout"));
    expect(worstError(dinp, f("layernorm.d.x"))).toBeLessThan(TOLERANCE);
    expect(worstError(dweight, f("layernorm.d.w"))).toBeLessThan(TOLERANCE);
    expect(worstError(dbias, f("layernorm.d.b"))).toBeLessThan(TOLERANCE);
  });

  it("on an embedding with repeated ids and its gradient", () => {
    const ids = idsOf(ops, "embedding.in.ids");
    const wte = f("embedding.in.table");
    const [V, C] = ops.get("embedding.in.table")!.shape as [number, number];
    const N = ids.length;
    const out = new Float64Array(N * C);
    embedding.meaning({ ids, pos: new Uint32Array(N), wte, wpe: new Float64Array(C), out }, { N, C });
    expect(worstError(out, f("embedding.out"))).toBeLessThan(TOLERANCE);
    const dtable = new Float64Array(V * C);
    embeddingBackward.meaning({ ids, dout: f("embedding.dout"), dtable }, { N, C, V });
    expect(worstError(dtable, f("embedding.d.table"))).toBeLessThan(TOLERANCE);
  });

  it.each(["attention", "attention_docs"])("on %s with grouped queries, and the gradients of q, k and v", (op) => {
    const [B, T, NH, HS] = ops.get(`${op}.in.q`)!.shape as [number, number, number, number];
    const NKV = ops.get(`${op}.in.k`)!.shape[2]!;
    const dims = { B, T, NH, NKV, HS };
    const qkv = packQkv(f(`${op}.in.q`), f(`${op}.in.k`), f(`${op}.in.v`), dims);
    const start = op === "attention_docs" ? idsOf(ops, `${op}.in.start`) : new Uint32Array(B * T);
    expect(worstError(judgeAttention(qkv, start, dims).out, f(`${op}.out`))).toBeLessThan(TOLERANCE);
    const want = packQkv(f(`${op}.d.q`), f(`${op}.d.k`), f(`${op}.d.v`), dims);
    expect(worstError(judgeAttentionBackward(qkv, start, f(`${op}.dout`), dims), want)).toBeLessThan(TOLERANCE);
  });
});
