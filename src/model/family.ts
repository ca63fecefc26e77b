/** What a family of models has to say of itself, so that training, generation and LoRA need not know which one it is. Types only. */
import type { Parameters, ParameterSpec } from "../plan/parameters.ts";
import type { Lora } from "../plan/ops.ts";
import type { Recorder } from "../plan/recorder.ts";
import type { Tensor } from "../plan/tensor.ts";

export interface ForwardInputs {
  /** (N) u32 each: token ids; position within the document. */
  readonly ids: Tensor;
  readonly pos: Tensor;
  /** u32, the step block whose first two words are the dropout key. */
  readonly stepU: Tensor;
  /** For looking inside: handed the residual stream (N, C) as it leaves the embedding (0) and each block (from 1). */
  readonly observe?: (residual: Tensor, blocks: number) => void;
}

/** How one layer's attention is computed from packed qkv: training and evaluation see whole rows, decoding sees a cache. */
export type Attend = (qkv: Tensor, layer: number) => Tensor;

/** Low-rank updates by parameter name; empty = none. */
export type LoraMap = ReadonlyMap<string, Lora>;

/** A module that LoRA may adapt: its path within a block, and its sizes. */
export interface LoraModule {
  readonly path: string;
  readonly inputs: number;
  readonly outputs: number;
}

export interface Heads {
  readonly NH: number;
  readonly NKV: number;
  readonly HS: number;
}

export interface Family<Config> {
  /** Names, shapes, decay and initial values of every parameter, in Hugging Face's order. */
  parameterTable(config: Config): ParameterSpec[];
  heads(config: Config): Heads;
  /** The token embedding's name, which a tied head reads again. */
  readonly embedding: string;
  /** Names of what turns a token and its place into a vector. */
  readonly embeddings: readonly string[];
  /** What names of the last norm's parameters begin with. */
  readonly lastNorm: string;
  /** "in-out" as GPT-2's Conv1D keeps a matrix, or "out-in" as torch's Linear does; LoRA's A and B go with it. */
  readonly layout: "in-out" | "out-in";
  /** A block's path. */
  block(layer: number): string;
  /** By LoRA target. */
  loraModules(config: Config): Readonly<Record<string, LoraModule>>;
  /** The last norm, which stands before the head: (N, C) -> (N, C). */
  finalNorm(r: Recorder, config: Config, parameters: Parameters, x: Tensor): Tensor;
  /** Token ids (N) to final hidden states (N, C), after the last norm. */
  forward(r: Recorder, config: Config, parameters: Parameters, inputs: ForwardInputs, attention: Attend, lora: LoraMap): Tensor;
}
