/**
 * GPT-2: the shape table and one forward function (Radford et al., "Language models are unsupervised multitask learners",
 * 2019; pre-LayerNorm, GELU in its tanh form, learned positions). Parameter names are Hugging Face's; weights lie [in, out].
 * Not the loss (`plan/head.ts`) and not generation (`generate.ts`).
 */
import type { LoraTarget, ModelConfig } from "../protocol/recipe.ts";
import type { Parameters, ParameterSpec } from "../plan/parameters.ts";
import { attend, dropout, embedding, layernorm, linear, residualDropout, type LinearOptions, type Lora } from "../plan/ops.ts";
import type { Recorder } from "../plan/recorder.ts";
import type { Tensor } from "../plan/tensor.ts";

/** A recipe's model with the vocabulary its tokenizer has. */
export interface Gpt2Config extends ModelConfig {
  readonly vocab_size: number;
}

export const LAYER_NORM_EPS = 1e-5;
const INIT_STD = 0.02;

/** Names, shapes, decay and initial values of every parameter, in Hugging Face's order. */
export function parameterTable(config: Gpt2Config): ParameterSpec[] {
  const { vocab_size: V, block_size: T, n_embd: C, n_layer: L } = config;
  const matrix = (name: string, shape: number[], std = INIT_STD): ParameterSpec => ({ name, shape, decay: true, trainable: true, init: { kind: "normal", std } });
  const vector = (name: string, size: number, value: number): ParameterSpec => ({ name, shape: [size], decay: false, trainable: true, init: { kind: "constant", value } });
  // The two projections that write to the residual stream start smaller, by 1/sqrt(2 L): GPT-2's paper, section 2.3.
  const residualStd = INIT_STD / Math.sqrt(2 * L);
  const blocks = Array.from({ length: L }, (_, layer) => {
    const at = `transformer.h.${layer}`;
    return [
      vector(`${at}.ln_1.weight`, C, 1), vector(`${at}.ln_1.bias`, C, 0),
      matrix(`${at}.attn.c_attn.weight`, [C, 3 * C]), vector(`${at}.attn.c_attn.bias`, 3 * C, 0),
      matrix(`${at}.attn.c_proj.weight`, [C, C], residualStd), vector(`${at}.attn.c_proj.bias`, C, 0),
      vector(`${at}.ln_2.weight`, C, 1), vector(`${at}.ln_2.bias`, C, 0),
      matrix(`${at}.mlp.c_fc.weight`, [C, 4 * C]), vector(`${at}.mlp.c_fc.bias`, 4 * C, 0),
      matrix(`${at}.mlp.c_proj.weight`, [4 * C, C], residualStd), vector(`${at}.mlp.c_proj.bias`, C, 0),
    ];
  }).flat();
  return [
    matrix("transformer.wte.weight", [V, C]), matrix("transformer.wpe.weight", [T, C]),
    ...blocks,
    vector("transformer.ln_f.weight", C, 1), vector("transformer.ln_f.bias", C, 0),
    ...(config.tie_word_embeddings ? [] : [matrix("lm_head.weight", [V, C])]),
  ];
}

/** The head's weight (V, C): the embedding again, or its own. */
export function headWeight(config: Gpt2Config, parameters: Parameters): Tensor {
  return parameters.get(config.tie_word_embeddings ? "transformer.wte.weight" : "lm_head.weight");
}

export interface ForwardInputs {
  /** (N) u32 each: token ids; position within the document; first column of the document. */
  readonly ids: Tensor;
  readonly pos: Tensor;
  readonly start: Tensor;
  /** u32, the step block whose first two words are the dropout key. */
  readonly stepU: Tensor;
}

/** How one layer's attention is computed: training and evaluation see whole rows, decoding sees a cache. */
export type Attend = (qkv: Tensor, layer: number) => Tensor;

/** Wide attention over rows of T within documents. */
export const attendRows = (r: Recorder, config: Gpt2Config, start: Tensor, B: number, T: number): Attend => (qkv) =>
  attend(r, qkv, start, { B, T, NH: config.n_head, NKV: config.n_head, HS: config.n_embd / config.n_head });

/** Low-rank updates by parameter name; empty = none. */
export type LoraMap = ReadonlyMap<string, Lora>;

/** Token ids (N) to final hidden states (N, C), after the last LayerNorm. */
export function forward(r: Recorder, config: Gpt2Config, parameters: Parameters, inputs: Omit<ForwardInputs, "start">, attention: Attend, lora: LoraMap = new Map()): Tensor {
  const p = config.dropout;
  const weight = (name: string): Tensor => parameters.get(`transformer.${name}`);
  const dense = (x: Tensor, at: string, options: LinearOptions = {}): Tensor =>
    linear(r, x, weight(`${at}.weight`), weight(`${at}.bias`), { ...options, lora: lora.get(`transformer.${at}.weight`) });
  const norm = (x: Tensor, at: string): Tensor => layernorm(r, x, weight(`${at}.weight`), weight(`${at}.bias`), LAYER_NORM_EPS);
  /** residual + dropout(x W + b); without dropout in one launch. */
  const join = (residual: Tensor, x: Tensor, at: string): Tensor =>
    p > 0 && r.training ? residualDropout(r, residual, dense(x, at), inputs.stepU, p) : dense(x, at, { residual });

  let x = r.scope("wte", () => dropout(r, embedding(r, inputs.ids, inputs.pos, weight("wte.weight"), weight("wpe.weight")), inputs.stepU, p));
  for (let layer = 0; layer < config.n_layer; layer++) {
    const at = `h.${layer}`;
    const normed = r.scope(`${at}.ln_1`, () => norm(x, `${at}.ln_1`));
    const qkv = r.scope(`${at}.attn.c_attn`, () => dense(normed, `${at}.attn.c_attn`));
    const attended = r.scope(`${at}.attn`, () => attention(qkv, layer));
    x = r.scope(`${at}.attn.c_proj`, () => join(x, attended, `${at}.attn.c_proj`));
    const normed2 = r.scope(`${at}.ln_2`, () => norm(x, `${at}.ln_2`));
    const hidden = r.scope(`${at}.mlp.c_fc`, () => dense(normed2, `${at}.mlp.c_fc`, { gelu: true }));
    x = r.scope(`${at}.mlp.c_proj`, () => join(x, hidden, `${at}.mlp.c_proj`));
  }
  return r.scope("ln_f", () => norm(x, "ln_f"));
}

/** Parameters of one LoRA: A (C, r) normal, B (r, O) zero, so that the first step starts from the parent's bits. */
export function loraTable(config: Gpt2Config, targets: readonly LoraTarget[], rank: number): { specs: ParameterSpec[]; targets: Map<string, { a: string; b: string }> } {
  const C = config.n_embd;
  const shapes: Record<LoraTarget, [string, number, number]> = {
    c_attn: ["attn.c_attn", C, 3 * C], "attn.c_proj": ["attn.c_proj", C, C], c_fc: ["mlp.c_fc", C, 4 * C], "mlp.c_proj": ["mlp.c_proj", 4 * C, C],
  };
  const specs: ParameterSpec[] = [];
  const named = new Map<string, { a: string; b: string }>();
  for (let layer = 0; layer < config.n_layer; layer++) {
    for (const target of targets) {
      const [module, rows, columns] = shapes[target];
      const at = `transformer.h.${layer}.${module}`;
      const [a, b] = [`${at}.lora_A`, `${at}.lora_B`];
      // PEFT's initial A is Kaiming-uniform with a = sqrt(5): variance 1 / (3 fan_in).
      specs.push({ name: a, shape: [rows, rank], decay: true, trainable: true, init: { kind: "normal", std: 1 / Math.sqrt(3 * rows) } });
      specs.push({ name: b, shape: [rank, columns], decay: true, trainable: true, init: { kind: "constant", value: 0 } });
      named.set(`${at}.weight`, { a, b });
    }
  }
  return { specs, targets: named };
}
