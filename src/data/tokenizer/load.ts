/**
 * Reads a Hugging Face tokenizer.json back, strictly: what this engine would encode differently is refused, never guessed.
 * It takes byte-level BPE as GPT-2 has it, and the character form that `char.ts` writes.
 */
import { NestlingError } from "../../core/errors.ts";
import { scanJson } from "../../core/json-scan.ts";
import { BpeTokenizer } from "./bpe.ts";
import { CharTokenizer } from "./char.ts";
import { UNKNOWN, type Tokenizer } from "./types.ts";

const MAX_VOCAB = 262_144;
const MAX_TOKEN_LENGTH = 1024;
/** Objects and lists inside each other; a tokenizer has four. */
const MAX_DEPTH = 64;
/** A vocabulary's tokens, or its merges, and a little more. */
const MAX_MEMBERS = 300_000;

function refuse(where: string, why: string): never {
  throw new NestlingError("TOKENIZER_FORMAT", `tokenizer.json: ${where} ${why}. Nestling reads byte-level BPE as GPT-2 writes it, and its own ` +
    "character form; export the tokenizer in one of them.", { where });
}

/** A value in a message: short, and never by way of its own methods. */
const shown = (value: unknown): string => (Array.isArray(value) ? "a list" : value !== null && typeof value === "object" ? "an object" : String(JSON.stringify(value)).slice(0, 60));

type Fields = ReadonlyMap<string, unknown>;

/** An object as a Map of its own properties, so that names such as __proto__ are data. */
function fields(value: unknown, where: string): Fields {
  if (value === null || typeof value !== "object" || Array.isArray(value)) refuse(where, "is not an object");
  return new Map(Object.entries(value));
}

function list(value: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(value)) refuse(where, "is not a list");
  return value;
}

/** Absent counts as null. */
function mustBe(object: Fields, name: string, allowed: readonly unknown[], where: string): void {
  const value = object.get(name) ?? null;
  if (!allowed.includes(value)) refuse(`${where}.${name}`, `is ${shown(value)}; allowed: ${allowed.map(shown).join(", ").slice(0, 200)}`);
}

function typeOf(value: unknown, where: string): string | null {
  if (value === null || value === undefined) return null;
  const type = fields(value, where).get("type");
  return typeof type === "string" ? type : refuse(`${where}.type`, "is not a string");
}

/** id -> string, ids 0 to size - 1 each once. */
function readVocab(value: unknown): string[] {
  const entries = fields(value, "model.vocab");
  if (entries.size === 0 || entries.size > MAX_VOCAB) refuse("model.vocab", `has ${entries.size} tokens; allowed: 1 to ${MAX_VOCAB}`);
  const vocab = new Array<string>(entries.size);
  for (const [token, id] of entries) {
    if (token.length === 0 || token.length > MAX_TOKEN_LENGTH) refuse("model.vocab", `holds a token of ${token.length} characters; allowed: 1 to ${MAX_TOKEN_LENGTH}`);
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id >= entries.size || vocab[id] !== undefined) {
      refuse("model.vocab", `gives a token the id ${shown(id)}; ids must run from 0 to ${entries.size - 1}, each once`);
    }
    vocab[id] = token;
  }
  return vocab;
}

/** Special tokens by name; those beyond the model's vocabulary are appended to it. */
function readSpecials(value: unknown, vocab: string[]): Map<string, number> {
  const specials = new Map<string, number>();
  const known = new Set(vocab);
  const added = list(value ?? [], "added_tokens").map((entry, i) => fields(entry, `added_tokens[${i}]`));
  const order = (token: Fields): number => (typeof token.get("id") === "number" ? (token.get("id") as number) : 0);
  added.sort((a, b) => order(a) - order(b));
  added.forEach((token, i) => {
    const where = `added_tokens[${i}]`;
    const id = token.get("id");
    const content = token.get("content");
    if (typeof content !== "string" || content.length === 0 || content.length > MAX_TOKEN_LENGTH) refuse(`${where}.content`, "is not a short string");
    mustBe(token, "special", [true], where);
    for (const flag of ["single_word", "lstrip", "rstrip"]) mustBe(token, flag, [false, null], where);
    if (id === vocab.length && !known.has(content)) vocab.push(content);
    if (typeof id !== "number" || vocab[id] !== content || specials.has(content)) refuse(where, `(${JSON.stringify(content.slice(0, 40))}) does not agree with model.vocab`);
    specials.set(content, id);
  });
  return specials;
}

function readMerges(value: unknown, vocab: readonly string[]): [number, number][] {
  const ids = new Map(vocab.map((token, id) => [token, id]));
  return list(value, "model.merges").map((merge, i) => {
    const pair: unknown[] = typeof merge === "string" ? merge.split(" ") : [...list(merge, `model.merges[${i}]`)];
    const [a, b] = pair.map((token) => (typeof token === "string" ? ids.get(token) : undefined));
    if (pair.length !== 2 || a === undefined || b === undefined) refuse(`model.merges[${i}]`, "is not a pair of tokens of the vocabulary");
    return [a, b];
  });
}

/**
 * @param tokenizerJson the parsed tokenizer.json, or its text
 * @param tokenizerConfig the parsed tokenizer_config.json, or its text; absent where the folder has none
 * @throws NestlingError TOKENIZER_FORMAT
 */
export function loadTokenizer(tokenizerJson: unknown, tokenizerConfig?: unknown): Tokenizer {
  const root = fields(parse(tokenizerJson, "tokenizer.json"), "the file");
  if (tokenizerConfig !== undefined) {
    const config = fields(parse(tokenizerConfig, "tokenizer_config.json"), "tokenizer_config.json");
    for (const flag of ["add_prefix_space", "clean_up_tokenization_spaces"]) mustBe(config, flag, [false, null], "tokenizer_config.json");
  }
  mustBe(root, "version", ["1.0"], "the file");
  mustBe(root, "normalizer", [null], "the file");
  const postProcessor = typeOf(root.get("post_processor"), "post_processor");
  if (postProcessor !== null && postProcessor !== "ByteLevel") refuse("post_processor", `is ${postProcessor}; allowed: none or ByteLevel`);
  const model = fields(root.get("model"), "model");
  mustBe(model, "type", ["BPE"], "model");
  mustBe(model, "dropout", [null, 0], "model");
  for (const affix of ["continuing_subword_prefix", "end_of_word_suffix"]) mustBe(model, affix, [null, ""], "model");
  for (const flag of ["fuse_unk", "byte_fallback", "ignore_merges"]) mustBe(model, flag, [false, null], "model");
  const vocab = readVocab(model.get("vocab"));
  const specials = readSpecials(root.get("added_tokens"), vocab);
  const merges = readMerges(model.get("merges"), vocab);
  const preTokenizer = typeOf(root.get("pre_tokenizer"), "pre_tokenizer");
  const decoder = typeOf(root.get("decoder"), "decoder");
  if (preTokenizer === "ByteLevel" && decoder === "ByteLevel") {
    const settings = fields(root.get("pre_tokenizer"), "pre_tokenizer");
    mustBe(settings, "add_prefix_space", [false], "pre_tokenizer");
    mustBe(settings, "use_regex", [true, null], "pre_tokenizer");
    mustBe(model, "unk_token", [null, ...specials.keys()], "model");
    return new BpeTokenizer({ vocab, merges, specials });
  }
  if (preTokenizer === null && decoder === "Fuse" && merges.length === 0) {
    mustBe(model, "unk_token", [UNKNOWN], "model");
    return new CharTokenizer(vocab, specials);
  }
  return refuse("pre_tokenizer and decoder", `are ${shown(preTokenizer)} and ${shown(decoder)} with ${merges.length} merges; allowed: ByteLevel with ByteLevel, or none with Fuse and no merges`);
}

function parse(value: unknown, name: string): unknown {
  if (typeof value !== "string") return value;
  const problem = scanJson(value, { depth: MAX_DEPTH, keys: MAX_MEMBERS, items: MAX_MEMBERS });
  if (problem?.kind === "length") return refuse(name, `has an object or a list of more than ${MAX_MEMBERS} members`);
  if (problem?.kind === "depth") return refuse(name, `nests deeper than ${MAX_DEPTH} from character ${problem.index}`);
  try {
    return JSON.parse(value) as unknown;
  } catch (error) {
    return refuse(name, `is not JSON (${error instanceof Error ? error.message : String(error)})`);
  }
}
