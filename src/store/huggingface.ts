/**
 * A model as the folder that transformers' GPT2LMHeadModel or LlamaForCausalLM opens, in memory: file name -> bytes, both ways. Reading
 * compares config and tensors before anything is taken, all or nothing. What config.json says of each family is
 * `huggingface-config.ts`, adapters are `peft.ts`, archives `model-file.ts`.
 */
import { NestlingError } from "../core/errors.ts";
import { configJson, readConfig, type Difference } from "./huggingface-config.ts";
import { isObject } from "./manifest.ts";
import type { SizedModelConfig, TokenizerFiles } from "./manifest.ts";
import { asFloat32, countNonFinite, decodeTensor, parseSafetensorsHeader } from "./safetensors.ts";
import type { Tensor, TensorEntry } from "./safetensors.ts";
import { writeSafetensors } from "./safetensors-write.ts";
import { scanJson } from "../core/json-scan.ts";

export const MODEL_FILES = { config: "config.json", weights: "model.safetensors", tokenizer: "tokenizer.json", tokenizerConfig: "tokenizer_config.json", generation: "generation_config.json" } as const;

const HEAD = "lm_head.weight";
const EMBEDDINGS = { gpt2: "transformer.wte.weight", llama: "model.embed_tokens.weight" } as const;

export type { Difference } from "./huggingface-config.ts";

export interface ModelToWrite {
  readonly model: SizedModelConfig;
  /** By transformers' names, `lm_head.weight` only when untied. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly tokenizer: TokenizerFiles;
  readonly dtype: "f32" | "bf16";
  /** Tokens besides eos at which generation stops, by content; those the tokenizer lacks are left out. */
  readonly stopTokens?: readonly string[];
}

export interface ModelRead {
  readonly model: SizedModelConfig;
  readonly tensors: Map<string, Tensor>;
  /** Null when the folder has no tokenizer.json. */
  readonly tokenizer: TokenizerFiles | null;
  /** NaN and Inf by tensor; empty unless they were allowed. */
  readonly nonFinite: Readonly<Record<string, number>>;
}

/** Names and shapes (matrices [in, out], embeddings [rows, C]) of a GPT-2 in transformers. */
export function gpt2TensorShapes(model: SizedModelConfig): Map<string, readonly number[]> {
  const { n_embd: C, vocab_size: V, block_size: T } = model;
  const shapes = new Map<string, readonly number[]>([[EMBEDDINGS.gpt2, [V, C]], ["transformer.wpe.weight", [T, C]]]);
  const add = (at: string, weight: readonly number[]): void => void shapes.set(`${at}.weight`, weight).set(`${at}.bias`, [weight.at(-1)!]);
  for (let layer = 0; layer < model.n_layer; layer++) {
    const at = `transformer.h.${layer}`;
    add(`${at}.ln_1`, [C]);
    add(`${at}.attn.c_attn`, [C, 3 * C]);
    add(`${at}.attn.c_proj`, [C, C]);
    add(`${at}.ln_2`, [C]);
    add(`${at}.mlp.c_fc`, [C, 4 * C]);
    add(`${at}.mlp.c_proj`, [4 * C, C]);
  }
  add("transformer.ln_f", [C]);
  if (!model.tie_word_embeddings) shapes.set(HEAD, [V, C]);
  return shapes;
}

/** Names and shapes (matrices [out, in], embeddings [rows, C]) of a Llama in transformers. */
export function llamaTensorShapes(model: SizedModelConfig & { readonly family: "llama" }): Map<string, readonly number[]> {
  const { n_embd: C, vocab_size: V, intermediate_size: F } = model;
  const KV = (C / model.n_head) * model.n_kv_head;
  const shapes = new Map<string, readonly number[]>([[EMBEDDINGS.llama, [V, C]]]);
  for (let layer = 0; layer < model.n_layer; layer++) {
    const add = (name: string, shape: readonly number[]): void => void shapes.set(`model.layers.${layer}.${name}.weight`, shape);
    add("self_attn.q_proj", [C, C]);
    add("self_attn.k_proj", [KV, C]);
    add("self_attn.v_proj", [KV, C]);
    add("self_attn.o_proj", [C, C]);
    add("mlp.gate_proj", [F, C]);
    add("mlp.up_proj", [F, C]);
    add("mlp.down_proj", [C, F]);
    add("input_layernorm", [C]);
    add("post_attention_layernorm", [C]);
  }
  shapes.set("model.norm.weight", [C]);
  if (!model.tie_word_embeddings) shapes.set(HEAD, [V, C]);
  return shapes;
}

/** Names and shapes of a model in transformers; the engine keeps its weights under the same. */
export function tensorShapes(model: SizedModelConfig): Map<string, readonly number[]> {
  return model.family === "llama" ? llamaTensorShapes(model) : gpt2TensorShapes(model);
}

/** @throws CKPT_MISMATCH when the tensors are not those of the config, CKPT_NONFINITE */
export function writeModelFolder(input: ModelToWrite): Map<string, Uint8Array<ArrayBuffer>> {
  const { model, tensors, tokenizer, dtype } = input;
  const differences = compareShapes(tensorShapes(model), new Map([...tensors].map(([name, t]) => [name, t.shape])));
  if (differences.length > 0) throw mismatch(differences);
  refuseNonFinite(nonFiniteCounts(tensors));
  const bos = tokenId(tokenizer, "bos_token");
  const eos = tokenId(tokenizer, "eos_token");
  const pad = tokenId(tokenizer, "pad_token");
  const stops = (input.stopTokens ?? ["<|end|>"]).flatMap((content) => addedTokenId(tokenizer, content) ?? []);
  const config = configJson(model, { bos_token_id: bos, eos_token_id: eos, pad_token_id: pad, torch_dtype: dtype === "bf16" ? "bfloat16" : "float32" });
  const ends = [...new Set([...(eos === null ? [] : [eos]), ...stops])];
  const generation = { bos_token_id: bos, eos_token_id: ends.length > 1 ? ends : (ends[0] ?? null), pad_token_id: pad, do_sample: true, temperature: 0.8, top_k: 50, max_new_tokens: Math.max(1, model.block_size >> 1) };
  const weights = [...tensors].map(([name, t]) => [name, dtype === "bf16" ? { ...t, dtype: "BF16" as const } : t] as const);
  return new Map([
    [MODEL_FILES.config, jsonBytes(config)],
    [MODEL_FILES.weights, writeSafetensors(weights)],
    [MODEL_FILES.tokenizer, jsonBytes(tokenizer.tokenizerJson)],
    [MODEL_FILES.tokenizerConfig, jsonBytes({ model_max_length: model.block_size, ...tokenizer.tokenizerConfig })],
    [MODEL_FILES.generation, jsonBytes(generation)],
  ]);
}

/**
 * @param options.allowNonFinite open for inspection a model with NaN or Inf weights
 * @throws CKPT_MISSING (a needed file), CKPT_MISMATCH (table in details.differences), CKPT_NONFINITE, ST_*, TOKENIZER_FORMAT
 */
export function readModelFolder(files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>, options: { readonly allowNonFinite?: boolean } = {}): ModelRead {
  const { model, differences: inConfig } = readConfig(parseJson(need(files, MODEL_FILES.config), MODEL_FILES.config));
  if (inConfig.length > 0) throw mismatch(inConfig);
  const bytes = need(files, MODEL_FILES.weights);
  const header = parseSafetensorsHeader(bytes);
  const entries = new Map<string, TensorEntry>();
  const doubled: Difference[] = [];
  for (const entry of header.tensors.values()) {
    const name = canonicalName(entry.name, model.family);
    if (name === null) continue;
    if (entries.has(name)) doubled.push({ what: name, found: "stored twice, with and without prefix", expected: "once" });
    entries.set(name, entry);
  }
  const head = entries.get(HEAD);
  if (model.tie_word_embeddings && head && entries.has(EMBEDDINGS[model.family]) && sameBytes(bytes, head, entries.get(EMBEDDINGS[model.family])!)) entries.delete(HEAD);
  const differences = [...doubled, ...compareShapes(tensorShapes(model), new Map([...entries].map(([name, e]) => [name, e.shape])))];
  if (differences.length > 0) throw mismatch(differences);
  const tokenizer = readTokenizer(files, model);
  const tensors = new Map([...entries].map(([name, e]) => [name, asFloat32(decodeTensor(e, bytes.subarray(e.begin, e.end)), name)]));
  const nonFinite = nonFiniteCounts(tensors);
  if (!options.allowNonFinite) refuseNonFinite(nonFinite);
  return { model, tensors, tokenizer, nonFinite };
}

/** transformers' full name of a tensor; null for buffers that older versions stored (causal masks, rotary frequencies). */
function canonicalName(name: string, family: SizedModelConfig["family"]): string | null {
  const body = family === "gpt2" ? "transformer." : "model.";
  const full = name.startsWith(body) || name === HEAD ? name : `${body}${name}`;
  return /^(transformer\.h\.\d+\.attn\.(bias|masked_bias)|model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq)$/.test(full) ? null : full;
}

function readTokenizer(files: ReadonlyMap<string, Uint8Array>, model: SizedModelConfig): TokenizerFiles | null {
  const json = files.get(MODEL_FILES.tokenizer);
  if (!json) return null;
  const tokenizerJson = parseJson(json, MODEL_FILES.tokenizer);
  const config = files.get(MODEL_FILES.tokenizerConfig);
  const tokenizerConfig = config ? parseJson(config, MODEL_FILES.tokenizerConfig) : {};
  const section = tokenizerJson["model"];
  if (!isObject(section) || !isObject(section["vocab"])) throw new NestlingError("TOKENIZER_FORMAT", "tokenizer.json has no model.vocab; nothing was opened. Export it again with the tokenizers library.", {});
  const ids = Object.values(section["vocab"]);
  for (const token of Array.isArray(tokenizerJson["added_tokens"]) ? tokenizerJson["added_tokens"] : []) if (isObject(token)) ids.push(token["id"]);
  let top = -1;
  for (const id of ids) {
    if (!Number.isSafeInteger(id) || (id as number) < 0) throw new NestlingError("TOKENIZER_FORMAT", `tokenizer.json has the token id ${String(JSON.stringify(id)).slice(0, 40)}; ids are whole numbers from 0.`, {});
    top = Math.max(top, id as number);
  }
  if (top >= model.vocab_size) throw mismatch([{ what: "tokenizer.json: highest token id", found: String(top), expected: `below vocab_size ${model.vocab_size}` }]);
  return { tokenizerJson, tokenizerConfig };
}

export function compareShapes(expected: ReadonlyMap<string, readonly number[]>, found: ReadonlyMap<string, readonly number[]>): Difference[] {
  const differences: Difference[] = [];
  const text = (shape: readonly number[]): string => `[${shape.join(", ")}]`;
  for (const [name, shape] of expected) {
    const has = found.get(name);
    if (!has) differences.push({ what: name, found: "missing", expected: text(shape) });
    else if (text(has) !== text(shape)) differences.push({ what: name, found: text(has), expected: text(shape) });
  }
  for (const [name, shape] of found) if (!expected.has(name)) differences.push({ what: name, found: text(shape), expected: "not there" });
  return differences;
}

export function mismatch(differences: readonly Difference[]): NestlingError {
  const first = differences[0]!;
  const more = differences.length > 1 ? ` (and ${differences.length - 1} more differences)` : "";
  return new NestlingError("CKPT_MISMATCH", `The weights and the config are of different models: ${first.what.slice(0, 120)} is ${first.found}, expected ${first.expected}${more}. Nothing was loaded.`, { differences: differences.slice(0, 200), count: differences.length });
}

function sameBytes(bytes: Uint8Array, a: TensorEntry, b: TensorEntry): boolean {
  if (a.dtype !== b.dtype || a.end - a.begin !== b.end - b.begin) return false;
  for (let i = 0; i < a.end - a.begin; i++) if (bytes[a.begin + i] !== bytes[b.begin + i]) return false;
  return true;
}

export function nonFiniteCounts(tensors: ReadonlyMap<string, Tensor>): Record<string, number> {
  return Object.fromEntries([...tensors].map(([name, { data }]) => [name, countNonFinite(data)] as const).filter(([, count]) => count > 0));
}

export function refuseNonFinite(counts: Readonly<Record<string, number>>): void {
  const names = Object.keys(counts);
  if (names.length === 0) return;
  const total = Object.values(counts).reduce((a, b) => a + b, 0);
  throw new NestlingError("CKPT_NONFINITE", `${total} values in ${names.length} tensors are NaN or infinite (first: ${names[0]}). Nothing was taken: such weights can be neither trained nor asked. Take an earlier checkpoint, or have the file made anew from one whose weights are finite.`, { counts, total });
}

function need(files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>, name: string): Uint8Array<ArrayBuffer> {
  const bytes = files.get(name);
  if (!bytes) throw new NestlingError("CKPT_MISSING", `The folder has no ${name}; a model needs config.json and model.safetensors. Found: ${[...files.keys()].join(", ").slice(0, 200) || "nothing"}.`, { name, found: [...files.keys()] });
  return bytes;
}

/** A vocabulary's tokens are keys of one object, its merges one list. */
const JSON_LIMITS = { depth: 64, keys: 300_000, items: 1_000_000, unique: true } as const;

/** JSON from a stranger: UTF-8, no doubled keys, no deep nesting, an object at the top. */
export function parseJson(bytes: Uint8Array, name: string): Record<string, unknown> {
  const bad = (why: string): NestlingError => new NestlingError(name.startsWith("tokenizer") ? "TOKENIZER_FORMAT" : "CKPT_CORRUPT", `${name} cannot be read: ${why}. Nothing was loaded.`, { name });
  let json: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(bytes));
    const problem = scanJson(text, JSON_LIMITS);
    if (problem?.kind === "length") throw bad(`an object or a list in it has more than ${problem.allowed} members`);
    if (problem) throw bad(problem.kind === "depth" ? `it nests deeper than ${problem.allowed}` : problem.kind === "duplicate" ? `it has the key ${JSON.stringify(problem.key.slice(0, 60))} twice in one object` : `it is no JSON at character ${problem.index}`);
    json = JSON.parse(text);
  } catch (error) {
    if (error instanceof NestlingError) throw error;
    throw bad(error instanceof Error ? error.message.slice(0, 120) : "it is no JSON");
  }
  if (!isObject(json)) throw bad("it is no object");
  return json;
}

export function jsonBytes(value: object): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
}

function tokenId(tokenizer: TokenizerFiles, role: string): number | null {
  const value = (tokenizer.tokenizerConfig as Record<string, unknown>)[role];
  const content = isObject(value) ? value["content"] : value;
  return typeof content === "string" ? addedTokenId(tokenizer, content) : null;
}

function addedTokenId(tokenizer: TokenizerFiles, content: string): number | null {
  const added = (tokenizer.tokenizerJson as Record<string, unknown>)["added_tokens"];
  for (const token of Array.isArray(added) ? added : []) {
    if (isObject(token) && token["content"] === content && typeof token["id"] === "number") return token["id"];
  }
  return null;
}
