/**
 * GPT-2: the shape table and one forward function (Radford et al., "Language models are unsupervised multitask learners",
 * 2019; pre-LayerNorm, GELU in its tanh form, learned positions). Parameter names are Hugging Face's; weights lie [in, out].
 * Not the loss (`plan/head.ts`) and not generation (`generation.ts`).
 */
import type { Gpt2LoraTarget, Gpt2ModelConfig } from "../protocol/recipe.ts";
import type { ParameterSpec } from "../plan/parameters.ts";
import { dropout, embedding, layernorm, linear, residualDropout, type LinearOptions } from "../plan/ops.ts";
import type { Tensor } from "../plan/tensor.ts";
import type { Family, LoraModule } from "./family.ts";

/** A recipe's model with the vocabulary its tokenizer has. */
export interface Gpt2Config extends Gpt2ModelConfig {
  readonly vocab_size: number;
}

export const LAYER_NORM_EPS = 1e-5;
const INIT_STD = 0.02;

export const gpt2: Family<Gpt2Config> = {
  embedding: "transformer.wte.weight",
  embeddings: ["transformer.wte.weight", "transformer.wpe.weight"],
  lastNorm: "transformer.ln_f.",
  layout: "in-out",
  heads: ({ n_head, n_embd }) => ({ NH: n_head, NKV: n_head, HS: n_embd / n_head }),
  block: (layer) => `transformer.h.${layer}`,

  parameterTable(config) {
    const { vocab_size: V, block_size: T, n_embd: C, n_layer: L } = config;
    const matrix = (name: string, shape: number[], std = INIT_STD): ParameterSpec => ({ name, shape, decay: true, trainable: true, init: { kind: "normal", std } });
    const hidden = (name: string, shape: number[], std = INIT_STD, sideBySide = 1): ParameterSpec => ({ ...matrix(name, shape, std), hidden: { outputs: "columns", sideBySide } });
    const vector = (name: string, size: number, value: number): ParameterSpec => ({ name, shape: [size], decay: false, trainable: true, init: { kind: "constant", value } });
    // The two projections that write to the residual stream start smaller, by 1/sqrt(2 L): GPT-2's paper, section 2.3.
    const residualStd = INIT_STD / Math.sqrt(2 * L);
    const blocks = Array.from({ length: L }, (_, layer) => {
      const at = `transformer.h.${layer}`;
      return [
        vector(`${at}.ln_1.weight`, C, 1), vector(`${at}.ln_1.bias`, C, 0),
        hidden(`${at}.attn.c_attn.weight`, [C, 3 * C], INIT_STD, 3), vector(`${at}.attn.c_attn.bias`, 3 * C, 0),
        hidden(`${at}.attn.c_proj.weight`, [C, C], residualStd), vector(`${at}.attn.c_proj.bias`, C, 0),
        vector(`${at}.ln_2.weight`, C, 1), vector(`${at}.ln_2.bias`, C, 0),
        hidden(`${at}.mlp.c_fc.weight`, [C, 4 * C]), vector(`${at}.mlp.c_fc.bias`, 4 * C, 0),
        hidden(`${at}.mlp.c_proj.weight`, [4 * C, C], residualStd), vector(`${at}.mlp.c_proj.bias`, C, 0),
      ];
    }).flat();
    return [
      matrix("transformer.wte.weight", [V, C]), matrix("transformer.wpe.weight", [T, C]),
      ...blocks,
      vector("transformer.ln_f.weight", C, 1), vector("transformer.ln_f.bias", C, 0),
      ...(config.tie_word_embeddings ? [] : [matrix("lm_head.weight", [V, C])]),
    ];
  },

  loraModules({ n_embd: C }): Readonly<Record<Gpt2LoraTarget, LoraModule>> {
    return {
      c_attn: { path: "attn.c_attn", inputs: C, outputs: 3 * C },
      "attn.c_proj": { path: "attn.c_proj", inputs: C, outputs: C },
      c_fc: { path: "mlp.c_fc", inputs: C, outputs: 4 * C },
      "mlp.c_proj": { path: "mlp.c_proj", inputs: 4 * C, outputs: C },
    };
  },

  finalNorm: (r, _config, parameters, x) =>
    r.scope("ln_f", () => layernorm(r, x, parameters.get("transformer.ln_f.weight"), parameters.get("transformer.ln_f.bias"), LAYER_NORM_EPS)),

  forward(r, config, parameters, inputs, attention, lora) {
    const p = config.dropout;
    const weight = (name: string): Tensor => parameters.get(`transformer.${name}`);
    const dense = (x: Tensor, at: string, options: LinearOptions = {}): Tensor =>
      linear(r, x, weight(`${at}.weight`), weight(`${at}.bias`), { ...options, lora: lora.get(`transformer.${at}.weight`) });
    const norm = (x: Tensor, at: string): Tensor => layernorm(r, x, weight(`${at}.weight`), weight(`${at}.bias`), LAYER_NORM_EPS);
    /** residual + dropout(x W + b); without dropout in one launch. */
    const join = (residual: Tensor, x: Tensor, at: string): Tensor =>
      p > 0 && r.training ? residualDropout(r, residual, dense(x, at), inputs.stepU, p) : dense(x, at, { residual });

    let x = r.scope("wte", () => dropout(r, embedding(r, inputs.ids, inputs.pos, weight("wte.weight"), weight("wpe.weight")), inputs.stepU, p));
    inputs.observe?.(x, 0);
    for (let layer = 0; layer < config.n_layer; layer++) {
      const at = `h.${layer}`;
      const normed = r.scope(`${at}.ln_1`, () => norm(x, `${at}.ln_1`));
      const qkv = r.scope(`${at}.attn.c_attn`, () => dense(normed, `${at}.attn.c_attn`, { stored: true }));
      const attended = r.scope(`${at}.attn`, () => attention(qkv, layer));
      x = r.scope(`${at}.attn.c_proj`, () => join(x, attended, `${at}.attn.c_proj`));
      const normed2 = r.scope(`${at}.ln_2`, () => norm(x, `${at}.ln_2`));
      const hidden = r.scope(`${at}.mlp.c_fc`, () => dense(normed2, `${at}.mlp.c_fc`, { gelu: true }));
      x = r.scope(`${at}.mlp.c_proj`, () => join(x, hidden, `${at}.mlp.c_proj`));
      inputs.observe?.(x, layer + 1);
    }
    return this.finalNorm(r, config, parameters, x);
  },
};
