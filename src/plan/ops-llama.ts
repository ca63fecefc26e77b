/**
 * The differentiable ops that the llama family is written in, beside those of `ops.ts`: RMSNorm, rotary embedding, SwiGLU, linear
 * layers as torch keeps them, a plain embedding. Each records its launch and pushes its own backward beside it.
 */
import { add as addKernel } from "../kernels/add.ts";
import { embeddingBackward } from "../kernels/embedding-backward.ts";
import { gatherRows } from "../kernels/gather-rows.ts";
import { matmulNNHalfB, matmulNTHalfAB, matmulNTHalfABOut, matmulTNHalfB } from "../kernels/matmul-half.ts";
import { matmulNN, matmulNT, matmulTN } from "../kernels/matmul.ts";
import { packHalf } from "../kernels/pack-half.ts";
import { rmsnormBackwardWeight } from "../kernels/rmsnorm-backward-weight.ts";
import { rmsnormBackward } from "../kernels/rmsnorm-backward.ts";
import { rmsnorm as rmsnormKernel, rmsnormHalf } from "../kernels/rmsnorm.ts";
import { ropeBackward } from "../kernels/rope-backward.ts";
import { rope, ropeHalf } from "../kernels/rope.ts";
import { swigluBackward, swigluBackwardHalf } from "../kernels/swiglu-backward.ts";
import { swiglu as swigluKernel, swigluHalf } from "../kernels/swiglu.ts";
import { addInto, enteringLora, forType, halfOf, type Lora, weightBeside } from "./ops.ts";
import type { Recorder } from "./recorder.ts";
import { elements, type Tensor } from "./tensor.ts";

export { ropeTable } from "../kernels/rope.ts";

/** table[ids]: (N), (V, C) -> (N, C). */
export function lookUp(r: Recorder, ids: Tensor, table: Tensor): Tensor {
  const [N, [V, C]] = [ids.shape[0]!, table.shape as [number, number]];
  const out = r.transient("embedding", [N, C], table.requiresGrad);
  r.launch(gatherRows, { inp: table, index: ids, out }, { R: N, C });
  r.onBackward(out, (dout) => r.contribute(table, (dtable) => r.launch(embeddingBackward, { ids, dout, dtable }, { N, C, V })));
  return out;
}

/** RMSNorm over channels: (N, C) -> (N, C). */
export function rmsnorm(r: Recorder, inp: Tensor, weight: Tensor, eps: number): Tensor {
  const [N, C] = inp.shape as [number, number];
  const out = r.stored("out", [N, C], inp.requiresGrad || weight.requiresGrad);
  const rstd = r.transient("rstd", [N]);
  r.launch(forType(out, rmsnormKernel, rmsnormHalf), { inp, weight, out, rstd }, { N, C, eps });
  r.onBackward(out, (dout) => {
    if (weight.grad) r.launch(rmsnormBackwardWeight, { inp, rstd, dout, dweight: weight.grad }, { N, C });
    r.contribute(inp, (dinp, accumulate) => r.launch(rmsnormBackward, { inp, weight, rstd, dout, dinp }, { N, C, accumulate }));
  });
  return out;
}

export interface ProjectOptions {
  /** Adds (N, O) to the product. */
  readonly residual?: Tensor;
  /** With A (r, C) and B (O, r), PEFT's own layout. */
  readonly lora?: Lora | undefined;
  /** Keeps the result in the program's dtype, as SwiGLU reads it; without, it is f32. Not with a residual. */
  readonly stored?: boolean;
}

/** inp W^T without a bias, W (O, C) as torch's Linear keeps it: (N, C) -> (N, O). */
export function project(r: Recorder, inp: Tensor, weight: Tensor, { residual, lora, stored }: ProjectOptions = {}): Tensor {
  const [N, C] = inp.shape as [number, number];
  const O = weight.shape[0]!;
  const trains = [inp, weight, residual, lora?.a, lora?.b].some((tensor) => tensor?.requiresGrad);
  const out = stored ? r.stored("project", [N, O], trains) : r.transient("project", [N, O], trains);
  const half = halfOf(inp);
  const b = weightBeside(inp, weight);
  // The low-rank part and the residual are added in f32, before anything is rounded.
  const product = residual || (lora && halfOf(out)) ? r.transient("product", [N, O]) : out;
  if (half && halfOf(product)) r.launch(matmulNTHalfABOut[half], { a: inp, b, out: product }, { M: N, N: O, K: C });
  else r.launch(half ? matmulNTHalfAB[half] : matmulNT, { a: inp, b, out: product }, { M: N, N: O, K: C, accumulate: 0, alpha: 1 });
  const low = lora && r.transient("lora", [N, lora.a.shape[0]!]);
  const entering = lora ? enteringLora(r, inp, lora) : inp;
  if (lora && low) {
    const rank = lora.a.shape[0]!;
    r.launch(half ? matmulNTHalfAB[half] : matmulNT, { a: entering, b: weightBeside(inp, lora.a), out: low }, { M: N, N: rank, K: C, accumulate: 0, alpha: 1 });
    r.launch(matmulNT, { a: low, b: lora.b, out: product }, { M: N, N: O, K: rank, accumulate: 1, alpha: lora.scale });
  }
  if (residual) r.launch(addKernel, { a: residual, b: product, out }, { size: N * O });
  else if (half && product !== out) r.launch(packHalf[half], { inp: product, out }, { size: N * O });
  r.onBackward(out, (dout) => {
    r.contribute(weight, (dW, accumulate) => r.launch(half ? matmulTNHalfB[half] : matmulTN, { a: dout, b: inp, out: dW }, { M: O, N: C, K: N, accumulate, alpha: 1 }));
    r.contribute(inp, (dx, accumulate) => r.launch(half ? matmulNNHalfB[half] : matmulNN, { a: dout, b, out: dx }, { M: N, N: C, K: O, accumulate, alpha: 1 }));
    if (lora && low) loraBackward(r, entering, lora, low, dout);
    if (residual) r.handOver(residual, dout, addInto(r));
  });
  return out;
}

function loraBackward(r: Recorder, inp: Tensor, { a, b, scale }: Lora, low: Tensor, dout: Tensor): void {
  const [N, C] = inp.shape as [number, number];
  const [O, rank] = b.shape as [number, number];
  const dlow = r.transient("d lora", [N, rank]);
  r.contribute(b, (db, accumulate) => r.launch(matmulTN, { a: dout, b: low, out: db }, { M: O, N: rank, K: N, accumulate, alpha: scale }));
  r.launch(matmulNN, { a: dout, b, out: dlow }, { M: N, N: rank, K: O, accumulate: 0, alpha: scale });
  const half = halfOf(inp);
  r.contribute(a, (da, accumulate) => r.launch(half ? matmulTNHalfB[half] : matmulTN, { a: dlow, b: inp, out: da }, { M: rank, N: C, K: N, accumulate, alpha: 1 }));
  r.contribute(inp, (dx, accumulate) => r.launch(half ? matmulNNHalfB[half] : matmulNN, { a: dlow, b: weightBeside(inp, a), out: dx }, { M: N, N: C, K: rank, accumulate, alpha: 1 }));
}

/**
 * Turns q (N, NH HS) and k (N, NKV HS) by the angles of their positions and packs them with v (N, NKV HS) as attention takes them:
 * -> (N, (NH + 2 NKV) HS). @param turns (T, HS) as `ropeTable` gives it
 */
export function rotateAndPack(r: Recorder, q: Tensor, k: Tensor, v: Tensor, pos: Tensor, turns: Tensor, heads: { NH: number; NKV: number; HS: number }): Tensor {
  const N = pos.shape[0]!;
  const dims = { N, NH: heads.NH, NKV: heads.NKV, HS: heads.HS };
  const width = (heads.NH + 2 * heads.NKV) * heads.HS;
  const qkv = r.stored("qkv", [N, width], q.requiresGrad || k.requiresGrad || v.requiresGrad);
  // What turns four pairs at once needs heads of eight; of others the result is packed apart.
  const half = halfOf(qkv);
  const apart = half && heads.HS % 8 !== 0;
  const turned = apart ? r.transient("turned", [N, width]) : qkv;
  r.launch(forType(turned, rope, ropeHalf), { q, k, v, pos, turns, qkv: turned }, dims);
  if (apart) r.launch(packHalf[half], { inp: turned, out: qkv }, { size: N * width });
  r.onBackward(qkv, (dqkv) => {
    const [dq, dk, dv] = [r.transient("dq", q.shape), r.transient("dk", k.shape), r.transient("dv", v.shape)];
    r.launch(ropeBackward, { dqkv, pos, turns, dq, dk, dv }, dims);
    r.handOver(q, dq, addInto(r));
    r.handOver(k, dk, addInto(r));
    r.handOver(v, dv, addInto(r));
  });
  return qkv;
}

/** silu(gate) up: (N, F), (N, F) -> (N, F). */
export function swiglu(r: Recorder, gate: Tensor, up: Tensor): Tensor {
  const size = elements(gate.shape);
  const half = halfOf(gate);
  const out = r.stored("swiglu", gate.shape, gate.requiresGrad || up.requiresGrad);
  r.launch(half ? swigluHalf[half] : swigluKernel, { gate, up, out }, { size });
  r.onBackward(out, (dout) => {
    const [dgate, dup] = [r.transient("d gate", gate.shape), r.transient("d up", up.shape)];
    r.launch(half ? swigluBackwardHalf[half] : swigluBackward, { gate, up, dout, dgate, dup }, { size });
    r.handOver(gate, dgate, addInto(r));
    r.handOver(up, dup, addInto(r));
  });
  return out;
}
