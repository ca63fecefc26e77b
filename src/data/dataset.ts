/** Text as tokens, split and with document starts, and the hash that names it. Drawing batches from it is `batches.ts`. */
import { NestlingError } from "../core/errors.ts";
import { sha256Stream } from "../core/hash.ts";
import type { Split } from "./split.ts";
import { encodablePieces } from "./text-source.ts";
import { END_OF_TEXT, type Tokenizer } from "./tokenizer/types.ts";

/** Numbers read by windows: an array in memory, or a file that is open (`token-files.ts`). */
export interface Numbers {
  readonly length: number;
  subarray(begin: number, end: number): ArrayLike<number>;
  /** In ascending numbers, how many are at most `value`; where it can be told faster than by halving. */
  upperBound?(value: number): number;
}

/** Documents one after another. */
export interface TokenStream {
  readonly tokens: Numbers;
  /** Indices at which a document begins, ascending; empty where the stream is one text without documents. */
  readonly documentStarts: Numbers;
}

export interface TokenDataset<Stream extends TokenStream = TokenStream> {
  readonly train: Stream;
  readonly validation: Stream;
  readonly hash: string;
}

/** All of it in memory. */
export interface MemoryStream extends TokenStream {
  readonly tokens: Uint32Array;
  readonly documentStarts: Uint32Array;
}

export interface EncodeOptions {
  /**
   * true (default): each document is `<|endoftext|>` and its tokens, and attention and positions restart there.
   * false: the texts' tokens follow each other as one stream without markers, as nanoGPT has it.
   */
  readonly documentStarts?: boolean;
  /** Share done, 0 to 1. */
  readonly onProgress?: (share: number) => void;
  readonly shouldStop?: () => boolean;
}

const SLICE_MS = 40;

/** Encodes in slices, so that the thread answers messages in between. @throws NestlingError CANCELLED, TOKENIZER_FORMAT */
export async function encodeDataset(tokenizer: Tokenizer, split: Split<string>, options: EncodeOptions = {}): Promise<TokenDataset<MemoryStream>> {
  const total = [...split.train, ...split.validation].reduce((sum, text) => sum + text.length, 0);
  let done = 0;
  let sliceEnd = performance.now() + SLICE_MS;
  const breathe = async (length: number): Promise<void> => {
    done += length;
    if (performance.now() < sliceEnd) return;
    options.onProgress?.(done / total);
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (options.shouldStop?.()) throw new NestlingError("CANCELLED", "Encoding the text was stopped; nothing was changed.");
    sliceEnd = performance.now() + SLICE_MS;
  };
  const withStarts = options.documentStarts ?? true;
  const train = await encodeStream(tokenizer, split.train, withStarts, breathe);
  const validation = await encodeStream(tokenizer, split.validation, withStarts, breathe);
  const hash = datasetHash(["text", tokenizer.hash, train.tokens, train.documentStarts, validation.tokens, validation.documentStarts]);
  return { train, validation, hash };
}

async function encodeStream(tokenizer: Tokenizer, texts: readonly string[], withStarts: boolean, breathe: (length: number) => Promise<void>): Promise<MemoryStream> {
  const marker = withStarts ? specialId(tokenizer, END_OF_TEXT) : null;
  const parts: Uint32Array[] = [];
  const starts: number[] = [];
  let size = 0;
  for (const text of texts) {
    if (marker !== null) {
      starts.push(size);
      parts.push(Uint32Array.of(marker));
      size++;
    }
    for (const { text: piece } of encodablePieces([{ part: "train", text, begins: true }])) {
      const ids = tokenizer.encode(piece);
      parts.push(ids);
      size += ids.length;
      await breathe(piece.length);
    }
  }
  const tokens = new Uint32Array(size);
  let at = 0;
  for (const part of parts) {
    tokens.set(part, at);
    at += part.length;
  }
  return { tokens, documentStarts: Uint32Array.from(starts) };
}

/** @throws NestlingError TOKENIZER_FORMAT */
export function specialId(tokenizer: Tokenizer, name: string): number {
  const id = tokenizer.specials.get(name);
  if (id === undefined) {
    throw new NestlingError("TOKENIZER_FORMAT", `The tokenizer has no special token ${name}; it has ${[...tokenizer.specials.keys()].join(", ") || "none"}. ` +
      "Documents and chat need it: train a tokenizer here, or fine-tune a model that was trained here.", { name });
  }
  return id;
}

/** SHA-256 over the parts, each with its length, so that no two lists of parts run together. */
export function datasetHash(parts: Iterable<string | Uint32Array | Float32Array>): string {
  const hash = sha256Stream();
  const utf8 = new TextEncoder();
  for (const part of parts) {
    const bytes = typeof part === "string" ? utf8.encode(part) : new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
    hash.update(utf8.encode(`${typeof part === "string" ? "s" : "n"}${bytes.length}:`));
    hash.update(bytes);
  }
  return hash.hex();
}
