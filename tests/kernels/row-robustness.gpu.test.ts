/**
 * Promise 11 for the kernels of embedding, LayerNorm, GELU, dropout, softmax and attention: without the adapter's bounds checks
 * every variant gives the same bits, so none leans on a clamped read. (Writes are watched by the harness's canaries.)
 */
import { describe, expect, it } from "vitest";
import { accumulate } from "../../src/kernels/accumulate.ts";
import { add } from "../../src/kernels/add.ts";
import { attentionBackwardKV } from "../../src/kernels/attention-backward-kv.ts";
import { attentionBackwardQ } from "../../src/kernels/attention-backward-q.ts";
import { attention } from "../../src/kernels/attention.ts";
import { dropout } from "../../src/kernels/dropout.ts";
import { embeddingBackward } from "../../src/kernels/embedding-backward.ts";
import { embedding } from "../../src/kernels/embedding.ts";
import { geluBackward } from "../../src/kernels/gelu-backward.ts";
import { gelu } from "../../src/kernels/gelu.ts";
import { layernormBackwardParams } from "../../src/kernels/layernorm-backward-params.ts";
import { layernormBackward } from "../../src/kernels/layernorm-backward.ts";
import { layernorm } from "../../src/kernels/layernorm.ts";
import { rmsnormBackwardWeight } from "../../src/kernels/rmsnorm-backward-weight.ts";
import { rmsnormBackward } from "../../src/kernels/rmsnorm-backward.ts";
import { rmsnorm } from "../../src/kernels/rmsnorm.ts";
import { ropeBackward } from "../../src/kernels/rope-backward.ts";
import { rope } from "../../src/kernels/rope.ts";
import { softmax } from "../../src/kernels/softmax.ts";
import { swigluBackward } from "../../src/kernels/swiglu-backward.ts";
import { swiglu } from "../../src/kernels/swiglu.ts";
import type { Bindings, Dims, Kernel } from "../../src/device/types.ts";
import { attentionDimsOf, startsOf } from "../support/attention-bounds.ts";
import { integers, runKernel, testDevice, values, type KernelCase } from "../support/kernel-harness.ts";
import { ropeCase } from "../support/llama-bounds.ts";
import { TIMEOUT_MS } from "../support/row-cases.ts";

/** Runs every variant that fits, with and without bounds checks; returns how many. */
async function compare<const B extends Bindings, const D extends Dims>(kernel: Kernel<B, D>, testCase: Omit<KernelCase<B, D>, "bound" | "variants">): Promise<number> {
  let ran = 0;
  for (const [variant, { fits, requires }] of kernel.variants.entries()) {
    if (requires) continue;
    if (fits && !fits(testCase.dims)) continue;
    const checked = await runKernel(kernel, testCase, variant);
    const bare = await runKernel(kernel, { ...testCase, device: await testDevice({ toggles: ["disable_robustness"] }) }, variant);
    expect(bare, `${kernel.name} [${kernel.variants[variant]!.name}] ${JSON.stringify(testCase.dims)}`).toEqual(checked);
    ran++;
  }
  return ran;
}

describe("without the adapter's bounds checks", () => {
  it.each([1, 3, 4, 63, 64, 65, 260, 1027])("kernels on %i elements give the same bits", async (size) => {
    const [a, b] = [values("normal", size, 1), values("normal", size, 2)];
    const key = Uint32Array.of(1, 2);
    const dims = { size };
    const ran = [
      await compare(add, { dims, inputs: { a, b }, outputs: { out: size } }),
      await compare(accumulate, { dims, inputs: { inp: a, out: b }, outputs: {} }),
      await compare(gelu, { dims, inputs: { inp: a }, outputs: { out: size } }),
      await compare(geluBackward, { dims, inputs: { pre: a, grad: b }, outputs: {} }),
      await compare(dropout, { dims: { size, site: 3, p: 0.4 }, inputs: { inp: a, key }, outputs: { out: size } }),
      await compare(swiglu, { dims, inputs: { gate: a, up: b }, outputs: { out: size } }),
      await compare(swigluBackward, { dims, inputs: { gate: a, up: b, dout: b }, outputs: { dgate: size, dup: size } }),
    ];
    expect(ran).toEqual(size % 4 === 0 ? [2, 2, 2, 2, 1, 2, 2] : [1, 1, 1, 1, 1, 1, 1]);
  }, TIMEOUT_MS);

  it.each([[1, 1], [1, 4], [3, 5], [5, 260], [33, 7], [65, 64], [130, 17]] as const)("kernels on %i rows of %i give the same bits", async (N, C) => {
    const V = 1 + (N >> 1);
    const [ids, pos] = [integers(N, V, 1), integers(N, V, 2)];
    const [inp, dout, wide] = [values("normal", N * C, 1), values("normal", N * C, 2), values("normal", V * C, 3)];
    const [weight, bias, mean, rstd] = [values("normal", C, 4), values("normal", C, 5), values("normal", N, 6), values("one-signed", N, 7)];
    const ran = [
      await compare(embedding, { dims: { N, C }, inputs: { ids, pos, wte: wide, wpe: wide }, outputs: { out: N * C } }),
      await compare(embeddingBackward, { dims: { N, C, V }, inputs: { ids, dout, dtable: wide }, outputs: {} }),
      await compare(softmax, { dims: { N, C }, inputs: { inp }, outputs: { out: N * C } }),
      await compare(layernorm, { dims: { N, C, eps: 1e-5 }, inputs: { inp, weight, bias }, outputs: { out: N * C, mean: N, rstd: N } }),
      await compare(layernormBackward, { dims: { N, C, accumulate: 0 }, inputs: { inp, weight, mean, rstd, dout }, outputs: { dinp: N * C } }),
      await compare(layernormBackwardParams, { dims: { N, C }, inputs: { inp, mean, rstd, dout, dweight: weight, dbias: bias }, outputs: {} }),
      await compare(rmsnorm, { dims: { N, C, eps: 1e-5 }, inputs: { inp, weight }, outputs: { out: N * C, rstd: N } }),
      await compare(rmsnormBackward, { dims: { N, C, accumulate: 0 }, inputs: { inp, weight, rstd, dout }, outputs: { dinp: N * C } }),
      await compare(rmsnormBackwardWeight, { dims: { N, C }, inputs: { inp, rstd, dout, dweight: weight }, outputs: {} }),
    ];
    expect(ran).toEqual(C % 4 === 0 ? [2, 3, 3, C % 16 === 0 ? 4 : 3, 3, 3, 3, 3, 3] : [1, 2, 2, 2, 2, 2, 2, 2, 2]);
  }, TIMEOUT_MS);

  it.each([[1, 1, 1, 2], [5, 4, 2, 8], [33, 2, 1, 12], [65, 3, 1, 16]] as const)("rope and its gradient give the same bits, shape %i %i %i %i", async (...shape) => {
    const { dims, q, k, v, pos, turns, dqkv } = ropeCase(shape, "normal");
    const ran = [
      await compare(rope, { dims, inputs: { q, k, v, pos, turns }, outputs: { qkv: dqkv.length } }),
      await compare(ropeBackward, { dims, inputs: { dqkv, pos, turns }, outputs: { dq: q.length, dk: k.length, dv: k.length } }),
    ];
    expect(ran).toEqual(shape[3] % 8 === 0 ? [2, 2] : [1, 1]);
  }, TIMEOUT_MS);

  // Heads of 8 have every form of module, 12 has the plain one; each is compiled for two devices, so no more than needed.
  it.each([[1, 1, 2, 1, 8], [2, 7, 4, 2, 12], [2, 31, 2, 1, 8], [1, 65, 2, 1, 8], [1, 129, 2, 1, 8]] as const)("attention and its backward give the same bits, shape %i %i %i %i %i", async (...shape) => {
    const dims = attentionDimsOf(shape);
    const { B, T, NH, HS } = dims;
    const start = startsOf(dims, "several");
    const qkv = values("normal", B * T * (NH + 2 * dims.NKV) * HS, 1);
    const [out, dout] = [values("normal", B * T * NH * HS, 2), values("normal", B * T * NH * HS, 3)];
    const [lse, delta] = [values("one-signed", B * T * NH, 4), values("normal", B * T * NH, 5)];
    let ran = await compare(attention, { dims, inputs: { qkv, start }, outputs: { out: out.length, lse: lse.length } });
    ran += await compare(attentionBackwardQ, { dims, inputs: { qkv, start, out, dout, lse, dqkv: qkv }, outputs: { delta: delta.length } });
    ran += await compare(attentionBackwardKV, { dims, inputs: { qkv, start, dout, lse, delta, dqkv: qkv }, outputs: {} });
    expect(ran).toBe(3 * { 8: 4, 12: 1 }[shape[4]]);
  }, TIMEOUT_MS);
});
