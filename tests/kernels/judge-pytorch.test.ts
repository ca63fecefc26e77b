/** The judge's formulas against PyTorch's float64 (tests/fixtures/make_ops.py), op by op, forward and gradients. */
import { describe, expect, it } from "vitest";
import { embeddingBackward } from "../../src/kernels/embedding-backward.ts";
import { embedding } from "../../src/kernels/embedding.ts";
import { geluBackward } from "../../src/kernels/gelu-backward.ts";
import { gelu } from "../../src/kernels/gelu.ts";
import { rmsnormBackwardWeight } from "../../src/kernels/rmsnorm-backward-weight.ts";
import { rmsnormBackward } from "../../src/kernels/rmsnorm-backward.ts";
import { ropeBackward } from "../../src/kernels/rope-backward.ts";
import { rope, ropeTable } from "../../src/kernels/rope.ts";
import { softmax } from "../../src/kernels/softmax.ts";
import { swigluBackward } from "../../src/kernels/swiglu-backward.ts";
import { swiglu } from "../../src/kernels/swiglu.ts";
import { floatsOf, idsOf, readFixture, worstError } from "../support/fixture-tensors.ts";
import { judgeAttention, judgeAttentionBackward, judgeLayernorm, judgeLayernormBackward, packQkv } from "../support/judge-ops.ts";
import { judgeRmsnorm } from "../support/llama-bounds.ts";

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

  it("on RMSNorm and both gradients", () => {
    const [inp, weight, dout] = [f("rmsnorm.in.x"), f("rmsnorm.in.w"), f("rmsnorm.dout")];
    const [C, N] = [weight.length, inp.length / weight.length];
    const { out, rstd } = judgeRmsnorm(inp, weight);
    expect(worstError(out, f("rmsnorm.out"))).toBeLessThan(TOLERANCE);
    const [dinp, dweight] = [new Float64Array(N * C).fill(NaN), new Float64Array(C)];
    rmsnormBackward.meaning({ inp, weight, rstd, dout, dinp }, { N, C, accumulate: 0 });
    rmsnormBackwardWeight.meaning({ inp, rstd, dout, dweight }, { N, C });
    expect(worstError(dinp, f("rmsnorm.d.x"))).toBeLessThan(TOLERANCE);
    expect(worstError(dweight, f("rmsnorm.d.w"))).toBeLessThan(TOLERANCE);
  });

  it("on silu(gate) up and both gradients", () => {
    const [gate, up, dout] = [f("silu_mul.in.gate"), f("silu_mul.in.up"), f("silu_mul.dout")];
    const size = gate.length;
    const [out, dgate, dup] = [0, 1, 2].map(() => new Float64Array(size).fill(NaN)) as [Float64Array, Float64Array, Float64Array];
    swiglu.meaning({ gate, up, out }, { size });
    swigluBackward.meaning({ gate, up, dout, dgate, dup }, { size });
    expect(worstError(out, f("silu_mul.out"))).toBeLessThan(TOLERANCE);
    expect(worstError(dgate, f("silu_mul.d.gate"))).toBeLessThan(TOLERANCE);
    expect(worstError(dup, f("silu_mul.d.up"))).toBeLessThan(TOLERANCE);
  });

  it("on rotary embedding of rotate-half and its gradient, for queries and keys alike; values pass", () => {
    const [B, T, H, HS] = ops.get("rope.in.x")!.shape as [number, number, number, number];
    const [x, dout, zero] = [f("rope.in.x"), f("rope.dout"), new Float64Array(B * T * H * HS)];
    const dims = { N: B * T, NH: H, NKV: H, HS };
    const pos = Uint32Array.from({ length: B * T }, (_, n) => n % T);
    // The table is f32 for the devices; the same formula in f64 is what PyTorch had.
    const turns = Float64Array.from({ length: T * HS }, (_, at) => {
      const [t, i] = [Math.floor(at / HS), at % HS];
      const angle = t * 10_000 ** ((-2 * (i % (HS / 2))) / HS);
      return i < HS / 2 ? Math.cos(angle) : Math.sin(angle);
    });
    expect(worstError(Float64Array.from(ropeTable(T, HS, 10_000)), turns)).toBeLessThan(2 ** -24);
    const qkv = new Float64Array(3 * x.length).fill(NaN);
    rope.meaning({ q: x, k: x, v: x, pos, turns, qkv }, dims);
    const want = f("rope.out");
    expect(worstError(qkv, packQkv(want, want, x, { ...dims, B, T }))).toBeLessThan(TOLERANCE);
    const [dq, dk, dv] = [0, 1, 2].map(() => new Float64Array(x.length).fill(NaN)) as [Float64Array, Float64Array, Float64Array];
    ropeBackward.meaning({ dqkv: packQkv(dout, dout, zero, { ...dims, B, T }), pos, turns, dq, dk, dv }, dims);
    expect(worstError(dq, f("rope.d.x"))).toBeLessThan(TOLERANCE);
    expect(worstError(dk, f("rope.d.x"))).toBeLessThan(TOLERANCE);
    expect(dv).toEqual(zero);
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
