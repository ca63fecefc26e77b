/**
 * Generation with a KV cache: `prefill` runs R padded prompts at once and fills the caches, `decode` adds one token a row.
 * This file records the two programs; `generator.ts` runs them.
 */
import { attendCached, drawTokens, gather, storeKeysAndValues, type DrawTensors } from "../plan/decoding.ts";
import { headLogits } from "../plan/head.ts";
import { attend } from "../plan/ops.ts";
import type { Parameters } from "../plan/parameters.ts";
import { Recorder, type Recording } from "../plan/recorder.ts";
import { newTensor, type Tensor } from "../plan/tensor.ts";
import { familyOf, forward, headWeight, type LoraMap, type TransformerConfig } from "./transformer.ts";

export interface GenerationTensors extends DrawTensors {
  readonly rows: number;
  /** Prompt rows (R*T) u32, padded on the right. */
  readonly promptIds: Tensor;
  readonly promptPos: Tensor;
  readonly promptStart: Tensor;
  /** (R) u32: the flat row of each prompt's last token. */
  readonly last: Tensor;
  /** (R) u32: the token to decode next and its position. */
  readonly ids: Tensor;
  readonly pos: Tensor;
}

export interface GenerationPrograms {
  readonly tensors: GenerationTensors;
  readonly prefill: Recording;
  readonly decode: Recording;
}

/** @param label prefix of the program names, so that one plan can hold several widths R */
export function recordGeneration(config: TransformerConfig, parameters: Parameters, rows: number, label: string, lora?: LoraMap): GenerationPrograms {
  const T = config.block_size;
  const heads = familyOf(config).heads(config);
  const dims = { R: rows, T, ...heads };
  const R = rows;
  const input = (name: string, shape: number[], type: "u32" | "f32" = "u32"): Tensor => newTensor(`${label} ${name}`, shape, "inputs", type);
  const tensors: GenerationTensors = {
    rows,
    promptIds: input("prompt ids", [R * T]), promptPos: input("prompt pos", [R * T]), promptStart: input("prompt start", [R * T]),
    last: input("last", [R]), ids: input("ids", [R]), pos: input("pos", [R]),
    options: input("options", [2], "f32"), control: input("control", [4]),
    token: newTensor(`${label} token`, [R], "outputs", "u32"), prob: newTensor(`${label} prob`, [R], "outputs"),
  };
  const caches = Array.from({ length: config.n_layer }, (_, layer) => newTensor(`${label} cache h.${layer}`, [R, 2, T, heads.NKV * heads.HS], "kv-cache"));
  const draw = (r: Recorder, x: Tensor): void => drawTokens(r, headLogits(r, x, headWeight(config, parameters)), tensors);

  const prefill = new Recorder(`${label} prefill`, false);
  const hidden = forward(prefill, config, parameters, { ids: tensors.promptIds, pos: tensors.promptPos, stepU: tensors.control }, (qkv, layer) => {
    storeKeysAndValues(prefill, qkv, caches[layer]!, dims);
    return attend(prefill, qkv, tensors.promptStart, { B: R, T, ...heads });
  }, lora);
  draw(prefill, gather(prefill, hidden, tensors.last));

  const decode = new Recorder(`${label} decode`, false);
  draw(decode, forward(decode, config, parameters, { ids: tensors.ids, pos: tensors.pos, stepU: tensors.control },
    (qkv, layer) => attendCached(decode, qkv, caches[layer]!, tensors.pos, dims), lora));
  return { tensors, prefill: prefill.recording(), decode: decode.recording() };
}
