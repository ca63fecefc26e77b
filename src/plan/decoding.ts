/** Ops of generation: filling and reading the KV cache, picking rows, drawing tokens. Forward only. R rows, T the cache's length. */
import { decodeAttention } from "../kernels/decode-attention.ts";
import { gatherRows } from "../kernels/gather-rows.ts";
import { kvStore } from "../kernels/kv-store.ts";
import { sample } from "../kernels/sample.ts";
import type { Recorder } from "./recorder.ts";
import type { Tensor } from "./tensor.ts";

export interface CacheDims {
  readonly R: number;
  readonly T: number;
  readonly NH: number;
  readonly NKV: number;
  readonly HS: number;
}

/** Copies prefill's keys and values, qkv (R*T, (NH + 2 NKV) HS), into the cache (R, 2, T, NKV HS). */
export function storeKeysAndValues(r: Recorder, qkv: Tensor, cache: Tensor, dims: CacheDims): void {
  r.launch(kvStore, { qkv, cache }, { ...dims });
}

/** One token a row against the cache, which takes the token's own key and value: qkv (R, ...), pos (R) -> (R, NH HS). */
export function attendCached(r: Recorder, qkv: Tensor, cache: Tensor, pos: Tensor, dims: CacheDims): Tensor {
  const out = r.transient("attention", [dims.R, dims.NH * dims.HS]);
  r.launch(decodeAttention, { qkv, cache, pos, out }, { ...dims });
  return out;
}

/** Rows `index` (R) of inp (N, C) -> (R, C). */
export function gather(r: Recorder, inp: Tensor, index: Tensor): Tensor {
  const [R, C] = [index.shape[0]!, inp.shape[1]!];
  const out = r.transient("gathered", [R, C]);
  r.launch(gatherRows, { inp, index, out }, { R, C });
  return out;
}

export interface DrawTensors {
  /** (2) temperature, top_p; (4) u32 key0, key1, draw index, top_k. */
  readonly options: Tensor;
  readonly control: Tensor;
  /** (R) u32 the token drawn, and (R) its probability under the kept distribution. */
  readonly token: Tensor;
  readonly prob: Tensor;
}

/** Draws one token a row from logits (R, V). */
export function drawTokens(r: Recorder, logits: Tensor, { options, control, token, prob }: DrawTensors): void {
  const [R, V] = logits.shape as [number, number];
  r.launch(sample, { logits, options, control, token, prob }, { R, V });
}
