/**
 * Llama: the shape table and one forward function (Touvron et al., arXiv 2302.13971; pre-RMSNorm, rotary positions, SwiGLU,
 * grouped-query attention by Ainslie et al., arXiv 2305.13245; no biases). Names and layout [out, in] are those of transformers'
 * LlamaForCausalLM. Not the loss (`plan/head.ts`) and not generation (`generation.ts`).
 */
import type { LlamaLoraTarget, LlamaModelConfig } from "../protocol/recipe.ts";
import { dropout, residualDropout } from "../plan/ops.ts";
import { lookUp, project, type ProjectOptions, rmsnorm, ropeTable, rotateAndPack, swiglu } from "../plan/ops-llama.ts";
import type { ParameterSpec } from "../plan/parameters.ts";
import type { Tensor } from "../plan/tensor.ts";
import type { Family, Heads, LoraModule } from "./family.ts";

/** A recipe's model with the vocabulary its tokenizer has. */
export interface LlamaConfig extends LlamaModelConfig {
  readonly vocab_size: number;
}

const INIT_STD = 0.02;

const headsOf = (config: LlamaConfig): Heads => ({ NH: config.n_head, NKV: config.n_kv_head, HS: config.n_embd / config.n_head });

export const llama: Family<LlamaConfig> = {
  embedding: "model.embed_tokens.weight",
  embeddings: ["model.embed_tokens.weight"],
  lastNorm: "model.norm.",
  layout: "out-in",
  heads: headsOf,
  block: (layer) => `model.layers.${layer}`,

  parameterTable(config) {
    const { vocab_size: V, n_embd: C, n_layer: L, intermediate_size: F } = config;
    const { NKV, HS } = headsOf(config);
    const matrix = (name: string, shape: number[], std = INIT_STD): ParameterSpec => ({ name, shape, decay: true, trainable: true, init: { kind: "normal", std } });
    const hidden = (name: string, shape: number[], std = INIT_STD): ParameterSpec => ({ ...matrix(name, shape, std), hidden: { outputs: "rows", sideBySide: 1 } });
    const gain = (name: string): ParameterSpec => ({ name, shape: [C], decay: false, trainable: true, init: { kind: "constant", value: 1 } });
    // As in GPT-2, the two projections that write to the residual stream start smaller, by 1/sqrt(2 L).
    const residualStd = INIT_STD / Math.sqrt(2 * L);
    const blocks = Array.from({ length: L }, (_, layer) => {
      const at = `model.layers.${layer}`;
      return [
        hidden(`${at}.self_attn.q_proj.weight`, [C, C]),
        hidden(`${at}.self_attn.k_proj.weight`, [NKV * HS, C]),
        hidden(`${at}.self_attn.v_proj.weight`, [NKV * HS, C]),
        hidden(`${at}.self_attn.o_proj.weight`, [C, C], residualStd),
        hidden(`${at}.mlp.gate_proj.weight`, [F, C]),
        hidden(`${at}.mlp.up_proj.weight`, [F, C]),
        hidden(`${at}.mlp.down_proj.weight`, [C, F], residualStd),
        gain(`${at}.input_layernorm.weight`), gain(`${at}.post_attention_layernorm.weight`),
      ];
    }).flat();
    return [
      matrix("model.embed_tokens.weight", [V, C]),
      ...blocks,
      gain("model.norm.weight"),
      ...(config.tie_word_embeddings ? [] : [matrix("lm_head.weight", [V, C])]),
    ];
  },

  loraModules(config): Readonly<Record<LlamaLoraTarget, LoraModule>> {
    const { n_embd: C, intermediate_size: F } = config;
    const { NKV, HS } = headsOf(config);
    const module = (path: string, inputs: number, outputs: number): LoraModule => ({ path, inputs, outputs });
    return {
      q_proj: module("self_attn.q_proj", C, C), k_proj: module("self_attn.k_proj", C, NKV * HS), v_proj: module("self_attn.v_proj", C, NKV * HS),
      o_proj: module("self_attn.o_proj", C, C),
      gate_proj: module("mlp.gate_proj", C, F), up_proj: module("mlp.up_proj", C, F), down_proj: module("mlp.down_proj", F, C),
    };
  },

  finalNorm: (r, config, parameters, x) => r.scope("norm", () => rmsnorm(r, x, parameters.get("model.norm.weight"), config.rms_norm_eps)),

  forward(r, config, parameters, inputs, attention, lora) {
    const p = config.dropout;
    const heads = headsOf(config);
    const turns = parameters.table("rotary angles", [config.block_size, heads.HS], () => ropeTable(config.block_size, heads.HS, config.rope_theta));
    const norm = (x: Tensor, at: string): Tensor => rmsnorm(r, x, parameters.get(`${at}.weight`), config.rms_norm_eps);
    const dense = (x: Tensor, at: string, options: ProjectOptions = {}): Tensor =>
      r.scope(at, () => project(r, x, parameters.get(`${at}.weight`), { ...options, lora: lora.get(`${at}.weight`) }));
    /** residual + dropout(x W^T). */
    const join = (residual: Tensor, x: Tensor, at: string): Tensor =>
      p > 0 && r.training ? r.scope(at, () => residualDropout(r, residual, dense(x, at), inputs.stepU, p)) : dense(x, at, { residual });

    let x = r.scope("embed_tokens", () => dropout(r, lookUp(r, inputs.ids, parameters.get("model.embed_tokens.weight")), inputs.stepU, p));
    inputs.observe?.(x, 0);
    for (let layer = 0; layer < config.n_layer; layer++) {
      const at = `model.layers.${layer}`;
      const normed = r.scope(`${at}.input_layernorm`, () => norm(x, `${at}.input_layernorm`));
      const [q, k, v] = ["q_proj", "k_proj", "v_proj"].map((name) => dense(normed, `${at}.self_attn.${name}`)) as [Tensor, Tensor, Tensor];
      const attended = r.scope(`${at}.self_attn`, () => attention(rotateAndPack(r, q, k, v, inputs.pos, turns, heads), layer));
      x = join(x, attended, `${at}.self_attn.o_proj`);
      const normed2 = r.scope(`${at}.post_attention_layernorm`, () => norm(x, `${at}.post_attention_layernorm`));
      const gate = dense(normed2, `${at}.mlp.gate_proj`, { stored: true });
      const up = dense(normed2, `${at}.mlp.up_proj`, { stored: true });
      const hidden = r.scope(`${at}.mlp`, () => swiglu(r, gate, up));
      x = join(x, hidden, `${at}.mlp.down_proj`);
      inputs.observe?.(x, layer + 1);
    }
    return this.finalNorm(r, config, parameters, x);
  },
};
