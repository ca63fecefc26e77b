/**
 * transformers' config.json of both families, written and read. Reading takes only what the engine computes in the same way, and
 * says of everything else what was found and what was expected. Not the tensors: `huggingface.ts`.
 */
import { isObject, type SizedModelConfig } from "./manifest.ts";

/** One line of a CKPT_MISMATCH's table. */
export interface Difference {
  readonly what: string;
  readonly found: string;
  readonly expected: string;
}

/** The only LayerNorm epsilon and activations the engine has. */
const LAYER_NORM_EPSILON = 1e-5;
const GPT2_ACTIVATIONS: readonly unknown[] = ["gelu_new", "gelu_pytorch_tanh"];
const LLAMA_ACTIVATIONS: readonly unknown[] = ["silu", "swish"];
/** What transformers takes where a Llama's config does not say. */
const LLAMA_THETA = 10_000;
const LLAMA_EPS = 1e-6;

/** Token ids and the dtype, which are not the model's own. */
export interface ConfigExtras {
  readonly bos_token_id: number | null;
  readonly eos_token_id: number | null;
  readonly pad_token_id: number | null;
  readonly torch_dtype: "bfloat16" | "float32";
}

export function configJson(model: SizedModelConfig, extras: ConfigExtras): Record<string, unknown> {
  const { bos_token_id, eos_token_id, pad_token_id, torch_dtype } = extras;
  const common = { tie_word_embeddings: model.tie_word_embeddings, use_cache: true, bos_token_id, eos_token_id, pad_token_id, torch_dtype };
  if (model.family === "llama") {
    return {
      architectures: ["LlamaForCausalLM"],
      model_type: "llama",
      vocab_size: model.vocab_size,
      hidden_size: model.n_embd,
      intermediate_size: model.intermediate_size,
      num_hidden_layers: model.n_layer,
      num_attention_heads: model.n_head,
      num_key_value_heads: model.n_kv_head,
      head_dim: model.n_embd / model.n_head,
      hidden_act: "silu",
      max_position_embeddings: model.block_size,
      initializer_range: 0.02,
      rms_norm_eps: model.rms_norm_eps,
      // Version 4 of transformers reads the first two, version 5 the third.
      rope_theta: model.rope_theta,
      rope_scaling: null,
      rope_parameters: { rope_type: "default", rope_theta: model.rope_theta },
      attention_bias: false,
      attention_dropout: 0,
      mlp_bias: false,
      pretraining_tp: 1,
      ...common,
    };
  }
  return {
    architectures: ["GPT2LMHeadModel"],
    model_type: "gpt2",
    vocab_size: model.vocab_size,
    n_positions: model.block_size,
    n_ctx: model.block_size,
    n_embd: model.n_embd,
    n_layer: model.n_layer,
    n_head: model.n_head,
    n_inner: null,
    activation_function: "gelu_new",
    resid_pdrop: model.dropout,
    embd_pdrop: model.dropout,
    attn_pdrop: model.dropout,
    layer_norm_epsilon: LAYER_NORM_EPSILON,
    initializer_range: 0.02,
    scale_attn_weights: true,
    scale_attn_by_inverse_layer_idx: false,
    reorder_and_upcast_attn: false,
    add_cross_attention: false,
    ...common,
  };
}

/** Reads fields and keeps a list of those the engine has not. */
class Reader {
  readonly differences: Difference[] = [];

  constructor(readonly config: Record<string, unknown>) {}

  note(what: string, found: unknown, expected: string): void {
    this.differences.push({ what, found: String(JSON.stringify(found)).slice(0, 60), expected });
  }

  /** One of a few values; absent = `fallback`. */
  fixed(field: string, allowed: readonly unknown[], fallback: unknown = allowed[0]): void {
    const found = this.config[field] ?? fallback;
    if (!allowed.includes(found)) this.note(field, found, allowed.map((v) => JSON.stringify(v)).join(" or "));
  }

  count(field: string, max: number, fallback?: number): number {
    const found = this.config[field] ?? fallback;
    if (Number.isSafeInteger(found) && (found as number) >= 1 && (found as number) <= max) return found as number;
    this.note(field, found, `a whole number from 1 to ${max}`);
    return 1;
  }

  positive(field: string, found: unknown): number {
    if (typeof found === "number" && found > 0 && Number.isFinite(found)) return found;
    this.note(field, found, "a number above 0");
    return 1;
  }

  divides(field: string, part: number, whole: number, wholeName: string): void {
    if (this.differences.length === 0 && whole % part !== 0) this.note(field, part, `a divisor of ${wholeName} ${whole}`);
  }
}

/** The model, which counts only where there are no differences. */
export function readConfig(config: Record<string, unknown>): { model: SizedModelConfig; differences: readonly Difference[] } {
  const reader = new Reader(config);
  reader.fixed("model_type", ["gpt2", "llama"], null);
  const model = config["model_type"] === "llama" ? readLlama(reader) : readGpt2(reader);
  return { model, differences: reader.differences };
}

function readGpt2(reader: Reader): SizedModelConfig {
  const { config } = reader;
  const sizes = {
    n_layer: reader.count("n_layer", 1024), n_head: reader.count("n_head", 4096), n_embd: reader.count("n_embd", 65536),
    block_size: reader.count("n_positions", 1 << 20), vocab_size: reader.count("vocab_size", 1 << 22),
  };
  reader.divides("n_head", sizes.n_head, sizes.n_embd, "n_embd");
  reader.fixed("n_inner", [null, 4 * sizes.n_embd]);
  reader.fixed("activation_function", GPT2_ACTIVATIONS);
  reader.fixed("layer_norm_epsilon", [LAYER_NORM_EPSILON]);
  reader.fixed("scale_attn_weights", [true]);
  reader.fixed("scale_attn_by_inverse_layer_idx", [false]);
  reader.fixed("add_cross_attention", [false]);
  reader.fixed("tie_word_embeddings", [true, false]);
  const dropout = config["resid_pdrop"] ?? 0.1;
  if (typeof dropout !== "number" || !(dropout >= 0 && dropout < 1)) reader.note("resid_pdrop", dropout, "from 0 to below 1");
  for (const field of ["embd_pdrop", "attn_pdrop"]) reader.fixed(field, [dropout], dropout);
  return { family: "gpt2", ...sizes, dropout: dropout as number, tie_word_embeddings: (config["tie_word_embeddings"] ?? true) as boolean };
}

function readLlama(reader: Reader): SizedModelConfig {
  const { config } = reader;
  const n_head = reader.count("num_attention_heads", 4096);
  const sizes = {
    n_layer: reader.count("num_hidden_layers", 1024), n_head, n_embd: reader.count("hidden_size", 65536),
    n_kv_head: reader.count("num_key_value_heads", 4096, n_head), intermediate_size: reader.count("intermediate_size", 1 << 20),
    block_size: reader.count("max_position_embeddings", 1 << 20), vocab_size: reader.count("vocab_size", 1 << 22),
  };
  reader.divides("num_attention_heads", sizes.n_head, sizes.n_embd, "hidden_size");
  reader.divides("num_key_value_heads", sizes.n_kv_head, sizes.n_head, "num_attention_heads");
  const headSize = sizes.n_embd / sizes.n_head;
  if (reader.differences.length === 0 && headSize % 4 !== 0) reader.note("num_attention_heads", sizes.n_head, "heads of a multiple of 4 channels");
  if (reader.differences.length === 0) reader.fixed("head_dim", [null, headSize]);
  reader.fixed("hidden_act", LLAMA_ACTIVATIONS);
  for (const field of ["attention_bias", "mlp_bias"]) reader.fixed(field, [false]);
  reader.fixed("attention_dropout", [0]);
  reader.fixed("pretraining_tp", [1]);
  reader.fixed("tie_word_embeddings", [false, true]);
  const rms_norm_eps = reader.positive("rms_norm_eps", config["rms_norm_eps"] ?? LLAMA_EPS);
  const tied = (config["tie_word_embeddings"] ?? false) as boolean;
  // What is dropped while training is no part of a Llama's config.
  return { family: "llama", ...sizes, rope_theta: readTheta(reader), rms_norm_eps, dropout: 0, tie_word_embeddings: tied };
}

/** The base of the angles, where version 4 of transformers keeps it or version 5; scaled angles are refused. */
function readTheta(reader: Reader): number {
  const { config } = reader;
  const plainType = (value: unknown): boolean => isObject(value) && [undefined, null, "default"].includes((value["rope_type"] ?? value["type"]) as string | undefined);
  const scaling = config["rope_scaling"] ?? null;
  if (scaling !== null && !plainType(scaling)) reader.note("rope_scaling", scaling, "null");
  const parameters = config["rope_parameters"] ?? null;
  if (parameters !== null && !plainType(parameters)) reader.note("rope_parameters", parameters, 'of rope_type "default"');
  const inner = isObject(parameters) ? parameters["rope_theta"] : undefined;
  const outer = config["rope_theta"];
  if (inner !== undefined && outer !== undefined && inner !== outer) reader.note("rope_theta", outer, `what rope_parameters says, ${String(JSON.stringify(inner)).slice(0, 40)}`);
  return reader.positive("rope_theta", inner ?? outer ?? LLAMA_THETA);
}
