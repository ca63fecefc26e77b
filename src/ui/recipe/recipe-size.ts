/** What a recipe comes to, from its sizes alone: parameters, and a measured time in words. Pure; the engine's own count is what trains. */
import type { Method, ModelConfig, Recipe } from "../../protocol/index.ts";
import { formatDuration } from "../shared/format.ts";

/** A character tokenizer has what its text has; English prose has about this many. */
const CHARACTERS = 90;

/** Tokens in the vocabulary, at most. */
export const vocabularyOf = ({ tokenizer }: Recipe): number => (tokenizer.kind === "char" ? Math.min(CHARACTERS, tokenizer.vocab_size) : tokenizer.vocab_size);

/** Parameters of a model with V tokens. GPT-2: biases, two LayerNorms a block. Llama: none of them, RMSNorm, SwiGLU, grouped keys and values. */
export function parameterCount(model: ModelConfig, V: number): number {
  const { n_layer: L, n_head: NH, n_embd: C, block_size: T } = model;
  const head = model.tie_word_embeddings ? 0 : V * C;
  if (model.family === "gpt2") return V * C + T * C + L * (12 * C * C + 13 * C) + 2 * C + head;
  const keysAndValues = 2 * (C / NH) * model.n_kv_head;
  return V * C + L * (2 * C * C + C * keysAndValues + 3 * C * model.intermediate_size + 2 * C) + C + head;
}

/** Parameters that a method moves: r (in + out) for each adapted matrix, those of the part that trains, or all. */
export function trainedCount(model: ModelConfig, V: number, method: Method): number {
  const all = parameterCount(model, V);
  const embeddings = (V + (model.family === "gpt2" ? model.block_size : 0)) * model.n_embd;
  if (method.type === "full") return all;
  if (method.type === "embeddings") return embeddings;
  if (method.type === "last_layers") {
    const frozen = parameterCount({ ...model, n_layer: model.n_layer - method.layers }, V) - parameterCount({ ...model, n_layer: 0 }, V);
    return all - embeddings - frozen;
  }
  const { n_layer: L, n_head: NH, n_embd: C } = model;
  const ends = (target: string): number => {
    if (model.family === "gpt2") return { c_attn: C + 3 * C, "attn.c_proj": 2 * C, c_fc: 5 * C, "mlp.c_proj": 5 * C }[target] ?? 0;
    const kv = C + (C / NH) * model.n_kv_head;
    return { q_proj: 2 * C, o_proj: 2 * C, k_proj: kv, v_proj: kv }[target] ?? C + model.intermediate_size;
  };
  return method.target_modules.reduce((sum, target) => sum + L * method.r * ends(target), 0);
}

/** An estimate shown to the second would claim too much: 5 s steps below two minutes, 10 s below ten, then whole minutes. */
export function expectedTime(ms: number): string {
  const unit = ms < 120_000 ? 5_000 : ms < 600_000 ? 10_000 : 60_000;
  return `about ${formatDuration(Math.ceil(ms / unit) * unit).replace(".0 s", " s")}`;
}
