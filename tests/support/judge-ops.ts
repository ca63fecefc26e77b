/** The judge's ops as functions: each runs one contract's textbook formula over f64 arrays and hands back what it wrote. */
import { attentionBackwardKV } from "../../src/kernels/attention-backward-kv.ts";
import { attentionBackwardQ } from "../../src/kernels/attention-backward-q.ts";
import { attention, type AttentionDims } from "../../src/kernels/attention.ts";
import { layernormBackwardParams } from "../../src/kernels/layernorm-backward-params.ts";
import { layernormBackward } from "../../src/kernels/layernorm-backward.ts";
import { layernorm } from "../../src/kernels/layernorm.ts";

const nan = (length: number): Float64Array => new Float64Array(length).fill(NaN);

export function judgeLayernorm(inp: Float64Array, weight: Float64Array, bias: Float64Array, eps = 1e-5): { out: Float64Array; mean: Float64Array; rstd: Float64Array } {
  const C = weight.length;
  const N = inp.length / C;
  const outputs = { out: nan(N * C), mean: nan(N), rstd: nan(N) };
  layernorm.meaning({ inp, weight, bias, ...outputs }, { N, C, eps });
  return outputs;
}

export function judgeLayernormBackward(
  inp: Float64Array,
  weight: Float64Array,
  saved: { mean: Float64Array; rstd: Float64Array },
  dout: Float64Array,
): { dinp: Float64Array; dweight: Float64Array; dbias: Float64Array } {
  const C = weight.length;
  const N = inp.length / C;
  const { mean, rstd } = saved;
  const outputs = { dinp: nan(N * C), dweight: new Float64Array(C), dbias: new Float64Array(C) };
  layernormBackward.meaning({ inp, weight, mean, rstd, dout, dinp: outputs.dinp }, { N, C, accumulate: 0 });
  layernormBackwardParams.meaning({ inp, mean, rstd, dout, dweight: outputs.dweight, dbias: outputs.dbias }, { N, C });
  return outputs;
}

export function judgeAttention(qkv: Float64Array, start: Uint32Array, dims: AttentionDims): { out: Float64Array; lse: Float64Array } {
  const N = dims.B * dims.T;
  const outputs = { out: nan(N * dims.NH * dims.HS), lse: nan(N * dims.NH) };
  attention.meaning({ qkv, start, ...outputs }, dims);
  return outputs;
}

/** Both backward kernels, in the order a plan launches them; dqkv starts as NaN, so every part must be written. */
export function judgeAttentionBackward(qkv: Float64Array, start: Uint32Array, dout: Float64Array, dims: AttentionDims): Float64Array {
  const { out, lse } = judgeAttention(qkv, start, dims);
  const delta = nan(lse.length);
  const dqkv = nan(qkv.length);
  attentionBackwardQ.meaning({ qkv, start, out, dout, lse, delta, dqkv }, dims);
  attentionBackwardKV.meaning({ qkv, start, dout, lse, delta, dqkv }, dims);
  return dqkv;
}

/** q (N, NH HS), k and v (N, NKV HS) packed into qkv (N, (NH + 2 NKV) HS). */
export function packQkv(q: Float64Array, k: Float64Array, v: Float64Array, { B, T, NH, NKV, HS }: AttentionDims): Float64Array {
  const stride = (NH + 2 * NKV) * HS;
  const qkv = new Float64Array(B * T * stride);
  for (let n = 0; n < B * T; n++) {
    qkv.set(q.subarray(n * NH * HS, (n + 1) * NH * HS), n * stride);
    qkv.set(k.subarray(n * NKV * HS, (n + 1) * NKV * HS), n * stride + NH * HS);
    qkv.set(v.subarray(n * NKV * HS, (n + 1) * NKV * HS), n * stride + (NH + NKV) * HS);
  }
  return qkv;
}
