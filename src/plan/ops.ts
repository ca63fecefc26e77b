/**
 * The differentiable ops a model is written in. Each records its launch and pushes its own backward beside it. Letters: B
 * batch, T time, N = B*T rows, C channels, V vocabulary, NH query heads, NKV key/value heads, HS head size.
 */
import { accumulate } from "../kernels/accumulate.ts";
import { attention, attentionHalf } from "../kernels/attention.ts";
import { attentionBackwardKV, attentionBackwardKVHalf } from "../kernels/attention-backward-kv.ts";
import { attentionBackwardQ, attentionBackwardQHalf } from "../kernels/attention-backward-q.ts";
import { add as addKernel } from "../kernels/add.ts";
import { columnSum } from "../kernels/column-sum.ts";
import { dropout as dropoutKernel } from "../kernels/dropout.ts";
import { embedding as embeddingKernel } from "../kernels/embedding.ts";
import { embeddingBackward } from "../kernels/embedding-backward.ts";
import { gelu as geluKernel, geluHalf } from "../kernels/gelu.ts";
import { geluBackward, geluBackwardHalf } from "../kernels/gelu-backward.ts";
import { layernorm as layernormKernel, layernormHalf } from "../kernels/layernorm.ts";
import { layernormBackward } from "../kernels/layernorm-backward.ts";
import { layernormBackwardParams } from "../kernels/layernorm-backward-params.ts";
import { matmulNNHalfAB, matmulNNBiasHalfAB, matmulNNBiasHalfABOut, matmulNNBiasGeluHalf, matmulNNBiasResidualHalfAB, matmulNTHalfB, matmulTNHalfA } from "../kernels/matmul-half.ts";
import { matmulNN, matmulNNBias, matmulNNBiasGelu, matmulNNBiasResidual, matmulNT, matmulTN } from "../kernels/matmul.ts";
import { packHalf } from "../kernels/pack-half.ts";
import { NestlingError } from "../core/errors.ts";
import { isHalf } from "../device/launch.ts";
import type { HalfType } from "../core/half.ts";
import type { Halves } from "../kernels/stored-half.ts";
import { elements, type Tensor } from "./tensor.ts";
import type { Recorder } from "./recorder.ts";

/** How a gradient that is handed over is added to one that is there. */
export const addInto = (r: Recorder) => (into: Tensor, from: Tensor): void =>
  r.launch(accumulate, { inp: from, out: into }, { size: elements(into.shape) });

/** The format of a tensor that is stored as halves; null = f32. */
export const halfOf = ({ type }: Tensor): HalfType | null => (isHalf(type) ? type : null);

/** A kernel for a tensor as it is stored. */
export const forType = <K>({ type }: Tensor, plain: K, halves: Halves<K>): K => (isHalf(type) ? halves[type] : plain);

/** A weight as products read it beside `inp`: its shadow where that is stored as halves. @throws NestlingError PLAN where it has none */
export function weightBeside(inp: Tensor, weight: Tensor): Tensor {
  if (!halfOf(inp)) return weight;
  if (!weight.shadow) throw new NestlingError("PLAN", `${inp.name} is stored as halves and ${weight.name} has no shadow to be multiplied with.`);
  return weight.shadow;
}

/** wte[ids] + wpe[pos]: (N), (N) -> (N, C). */
export function embedding(r: Recorder, ids: Tensor, pos: Tensor, wte: Tensor, wpe: Tensor): Tensor {
  const [N, C] = [ids.shape[0]!, wte.shape[1]!];
  const out = r.transient("embedding", [N, C], wte.requiresGrad || wpe.requiresGrad);
  r.launch(embeddingKernel, { ids, pos, wte, wpe, out }, { N, C });
  r.onBackward(out, (dout) => {
    r.contribute(wte, (dtable) => r.launch(embeddingBackward, { ids, dout, dtable }, { N, C, V: wte.shape[0]! }));
    r.contribute(wpe, (dtable) => r.launch(embeddingBackward, { ids: pos, dout, dtable }, { N, C, V: wpe.shape[0]! }));
  });
  return out;
}

/** LayerNorm over channels: (N, C) -> (N, C). */
export function layernorm(r: Recorder, inp: Tensor, weight: Tensor, bias: Tensor, eps: number): Tensor {
  const [N, C] = inp.shape as [number, number];
  const out = r.stored("out", [N, C], inp.requiresGrad || weight.requiresGrad || bias.requiresGrad);
  const mean = r.transient("mean", [N]);
  const rstd = r.transient("rstd", [N]);
  r.launch(forType(out, layernormKernel, layernormHalf), { inp, weight, bias, out, mean, rstd }, { N, C, eps });
  r.onBackward(out, (dout) => {
    if (weight.grad && bias.grad) {
      r.launch(layernormBackwardParams, { inp, mean, rstd, dout, dweight: weight.grad, dbias: bias.grad }, { N, C });
    }
    r.contribute(inp, (dinp, acc) => r.launch(layernormBackward, { inp, weight, mean, rstd, dout, dinp }, { N, C, accumulate: acc }));
  });
  return out;
}

export interface LinearOptions {
  /** Adds (N, O) to the product, in the same launch. */
  readonly residual?: Tensor;
  /** GELU after the bias, in the same launch. */
  readonly gelu?: boolean;
  readonly lora?: Lora;
  /** Keeps the result in the program's dtype, as attention reads it; without, it is f32. A GELU's always is kept so. */
  readonly stored?: boolean;
}

/** A low-rank update beside a frozen or trained weight: alpha / r * (inp A) B. */
export interface Lora {
  /** (C, r), out of PEFT's lora_A transposed. */
  readonly a: Tensor;
  /** (r, O) */
  readonly b: Tensor;
  readonly scale: number;
  /** Of what enters A while training; `key` is the step block. f32 only. */
  readonly dropout?: { readonly p: number; readonly key: Tensor };
}

/** What enters A: the input, thinned out while training. Its draws are its own, whatever else is dropped at this place. */
export const enteringLora = (r: Recorder, inp: Tensor, { dropout: thinned }: Lora): Tensor =>
  thinned ? r.scope("lora_dropout", () => dropout(r, inp, thinned.key, thinned.p)) : inp;

/** inp W + bias, W (C, O) as GPT-2's Conv1D keeps it: (N, C) -> (N, O). */
export function linear(r: Recorder, inp: Tensor, weight: Tensor, bias: Tensor, options: LinearOptions = {}): Tensor {
  const { residual, lora } = options;
  const half = halfOf(inp);
  const [M, K] = inp.shape as [number, number];
  const N = weight.shape[1]!;
  const dims = { M, N, K };
  const trains = [inp, weight, bias, residual, lora?.a, lora?.b].some((tensor) => tensor?.requiresGrad);
  const keeps = options.gelu || options.stored;
  const out = keeps ? r.stored(options.gelu ? "gelu" : "linear", [M, N], trains) : r.transient("linear", [M, N], trains);
  const pre = options.gelu ? r.stored("pre", [M, N]) : out;
  // The low-rank part is added in f32, before anything is rounded or activated: launches of their own do that then.
  const sum = lora && halfOf(pre) ? r.transient("sum", [M, N]) : pre;
  const b = weightBeside(inp, weight);
  if (options.gelu && !lora) r.launch(half ? matmulNNBiasGeluHalf[half] : matmulNNBiasGelu, { a: inp, b, bias, pre, out }, dims);
  else if (residual) r.launch(half ? matmulNNBiasResidualHalfAB[half] : matmulNNBiasResidual, { a: inp, b, bias, residual, out }, dims);
  else r.launch(forType(sum, half ? matmulNNBiasHalfAB[half] : matmulNNBias, matmulNNBiasHalfABOut), { a: inp, b, bias, out: sum }, dims);
  const low = lora && r.transient("lora", [M, lora.a.shape[1]!]);
  const entering = lora ? enteringLora(r, inp, lora) : inp;
  if (lora && low) {
    const rank = lora.a.shape[1]!;
    r.launch(half ? matmulNNHalfAB[half] : matmulNN, { a: entering, b: weightBeside(inp, lora.a), out: low }, { M, N: rank, K, accumulate: 0, alpha: 1 });
    r.launch(matmulNN, { a: low, b: lora.b, out: sum }, { M, N, K: rank, accumulate: 1, alpha: lora.scale });
    if (half && sum !== pre) r.launch(packHalf[half], { inp: sum, out: pre }, { size: M * N });
    if (options.gelu) r.launch(forType(out, geluKernel, geluHalf), { inp: sum, out }, { size: M * N });
  }
  r.onBackward(out, (dout) => {
    if (options.gelu) r.launch(forType(pre, geluBackward, geluBackwardHalf), { pre, grad: dout }, { size: M * N });
    r.contribute(bias, (dbias, acc) => r.launch(columnSum, { inp: dout, out: dbias }, { N: M, C: N, accumulate: acc }));
    r.contribute(weight, (dW, acc) => r.launch(half ? matmulTNHalfA[half] : matmulTN, { a: inp, b: dout, out: dW }, { M: K, N, K: M, accumulate: acc, alpha: 1 }));
    r.contribute(inp, (dx, acc) => r.launch(half ? matmulNTHalfB[half] : matmulNT, { a: dout, b, out: dx }, { M, N: K, K: N, accumulate: acc, alpha: 1 }));
    if (lora && low) loraBackward(r, entering, lora, low, dout);
    if (residual) r.handOver(residual, dout, addInto(r));
  });
  return out;
}

function loraBackward(r: Recorder, inp: Tensor, { a, b, scale }: Lora, low: Tensor, dout: Tensor): void {
  const [M, K] = inp.shape as [number, number];
  const [rank, N] = b.shape as [number, number];
  const dlow = r.transient("d lora", [M, rank]);
  r.contribute(b, (db, acc) => r.launch(matmulTN, { a: low, b: dout, out: db }, { M: rank, N, K: M, accumulate: acc, alpha: scale }));
  r.launch(matmulNT, { a: dout, b, out: dlow }, { M, N: rank, K: N, accumulate: 0, alpha: scale });
  const half = halfOf(inp);
  r.contribute(a, (da, acc) => r.launch(half ? matmulTNHalfA[half] : matmulTN, { a: inp, b: dlow, out: da }, { M: K, N: rank, K: M, accumulate: acc, alpha: 1 }));
  r.contribute(inp, (dx, acc) => r.launch(half ? matmulNTHalfB[half] : matmulNT, { a: dlow, b: weightBeside(inp, a), out: dx }, { M, N: K, K: rank, accumulate: acc, alpha: 1 }));
}

/** Causal attention within documents on packed qkv (N, (NH + 2 NKV) HS) -> (N, NH HS). */
export function attend(r: Recorder, qkv: Tensor, start: Tensor, dims: { B: number; T: number; NH: number; NKV: number; HS: number }): Tensor {
  const N = dims.B * dims.T;
  const half = halfOf(qkv);
  const out = r.stored("attention", [N, dims.NH * dims.HS], qkv.requiresGrad);
  const lse = r.transient("lse", [N, dims.NH]);
  r.launch(half ? attentionHalf[half] : attention, { qkv, start, out, lse }, dims);
  r.onBackward(out, (dout) => {
    const delta = r.transient("delta", [N, dims.NH]);
    r.contribute(qkv, (dqkv) => {
      r.launch(half ? attentionBackwardQHalf[half] : attentionBackwardQ, { qkv, start, out, dout, lse, delta, dqkv }, dims);
      r.launch(half ? attentionBackwardKVHalf[half] : attentionBackwardKV, { qkv, start, dout, lse, delta, dqkv }, dims);
    });
  });
  return out;
}

/** Zeroes a share `p` of the elements and scales the rest by 1 / (1 - p); the mask is drawn anew from its place, never stored. */
export function dropout(r: Recorder, inp: Tensor, key: Tensor, p: number): Tensor {
  if (p === 0 || !r.training) return inp;
  const dims = { size: elements(inp.shape), site: r.siteNumber, p };
  const out = r.transient("dropout", inp.shape, inp.requiresGrad);
  r.launch(dropoutKernel, { inp, key, out }, dims);
  r.onBackward(out, (dout) => {
    const dinp = r.transient("d dropout", inp.shape);
    r.launch(dropoutKernel, { inp: dout, key, out: dinp }, dims);
    r.handOver(inp, dinp, addInto(r));
  });
  return out;
}

/** residual + dropout(inp): the end of a block's branch. */
export function residualDropout(r: Recorder, residual: Tensor, inp: Tensor, key: Tensor, p: number): Tensor {
  const size = elements(inp.shape);
  const dims = { size, site: r.siteNumber, p };
  const dropped = r.transient("dropped", inp.shape);
  const out = r.transient("sum", inp.shape, residual.requiresGrad || inp.requiresGrad);
  r.launch(dropoutKernel, { inp, key, out: dropped }, dims);
  r.launch(addKernel, { a: residual, b: dropped, out }, { size });
  r.onBackward(out, (dout) => {
    const dinp = r.transient("d dropped", inp.shape);
    r.launch(dropoutKernel, { inp: dout, key, out: dinp }, dims);
    r.handOver(inp, dinp, addInto(r));
    r.handOver(residual, dout, addInto(r));
  });
  return out;
}
