/**
 * Programs for looking inside a model: one forward pass of the very function that trains, observed, and the lens. The attention
 * table of a layer is computed from the packed qkv that its attention reads; the lens reads the residual stream between blocks
 * as if the model ended there: last norm, head, softmax (nostalgebraist, "interpreting GPT: the logit lens", 2020). No gradient.
 */
import type { LoraMethod } from "../protocol/recipe.ts";
import { nextTokenProbs } from "../plan/head.ts";
import { keep, lookAtAttention } from "../plan/looking.ts";
import { layOutParameters, type Parameters } from "../plan/parameters.ts";
import { Recorder, type Recording } from "../plan/recorder.ts";
import { newTensor, type Tensor } from "../plan/tensor.ts";
import { attendRows, familyOf, forward, headWeight, loraTable, parameterTable, type LoraMap, type TransformerConfig } from "./transformer.ts";

/** Tokens looked at at most: the tables grow with their square, and no screen shows more. */
const MOST_TOKENS = 256;

export interface InsideTensors {
  /** (T) u32 each, one row. */
  readonly ids: Tensor;
  readonly pos: Tensor;
  readonly start: Tensor;
  /** (NH, T, T) of each layer. */
  readonly attention: readonly Tensor[];
  /** (T, C) as it leaves the embedding and each block: L + 1 of them. Cleared before "inside" runs, which adds to them. */
  readonly residuals: readonly Tensor[];
  /** (T, C), what "lens" reads. */
  readonly lensed: Tensor;
  /** (T, V), what "lens" makes of it. */
  readonly probs: Tensor;
}

export interface InsidePrograms {
  readonly config: TransformerConfig;
  readonly parameters: Parameters;
  readonly tensors: InsideTensors;
  /** "inside", then "lens". */
  readonly recordings: readonly Recording[];
  readonly T: number;
  readonly NH: number;
}

/** @param lora of a model that is being adapted; one that has been is looked at with its update folded in */
export function recordInside(config: TransformerConfig, lora: LoraMethod | null, maxBindingBytes: number): InsidePrograms {
  const T = Math.min(config.block_size, MOST_TOKENS);
  const { n_layer: L, n_embd: C, vocab_size: V } = config;
  const family = familyOf(config);
  const { NH, NKV, HS } = family.heads(config);
  const low = lora && loraTable(config, lora.target_modules, lora.r);
  const parameters = layOutParameters([...parameterTable(config), ...(low?.specs ?? [])], maxBindingBytes, null);
  const updates: LoraMap = new Map([...(low?.targets ?? [])].map(([weight, { a, b }]) => [weight, { a: parameters.get(a), b: parameters.get(b), scale: lora!.lora_alpha / lora!.r }]));
  const u32 = (name: string): Tensor => newTensor(`inside ${name}`, [T], "inputs", "u32");
  const [ids, pos, start] = [u32("ids"), u32("pos"), u32("start")];
  const attention = Array.from({ length: L }, (_, layer) => newTensor(`attention of layer ${layer}`, [NH, T, T], "outputs"));
  const residuals = Array.from({ length: L + 1 }, (_, blocks) => newTensor(`residual after ${blocks} blocks`, [T, C], "outputs"));
  const lensed = newTensor("lensed residual", [T, C], "inputs");
  const probs = newTensor("lens", [T, V], "outputs");

  const inside = new Recorder("inside", false);
  const attend = attendRows(inside, config, start, 1, T);
  const observe = (x: Tensor, blocks: number): void => keep(inside, x, residuals[blocks]!);
  const stepU = newTensor("inside step", [4], "inputs", "u32");
  forward(inside, config, parameters, { ids, pos, stepU, observe }, (qkv, layer) => {
    lookAtAttention(inside, qkv, start, attention[layer]!, { T, NH, NKV, HS });
    return attend(qkv, layer);
  }, updates);

  const lens = new Recorder("lens", false);
  nextTokenProbs(lens, family.finalNorm(lens, config, parameters, lensed), headWeight(config, parameters), probs);
  return { config, parameters, tensors: { ids, pos, start, attention, residuals, lensed, probs }, recordings: [inside.recording(), lens.recording()], T, NH };
}
