/**
 * Byte-level BPE (Sennrich et al. 2016, on bytes as in GPT-2): encoding and decoding with a given vocabulary and merges.
 * Training is `train-bpe.ts`; the file format is `huggingface.ts` and `load.ts`.
 */
import { NestlingError } from "../../core/errors.ts";
import { canonicalJson, sha256Hex } from "../../core/hash.ts";
import { tableDecode, tablePieces, tableStreamDecoder, type TokenTable } from "./base.ts";
import { BYTE_TO_CHAR, CHAR_TO_BYTE, visibleBytes } from "./bytes.ts";
import { Heap } from "./heap.ts";
import { huggingFaceFiles } from "./huggingface.ts";
import { preTokenize } from "./pretokenize.ts";
import type { DecodeOptions, HuggingFaceTokenizer, StreamDecoder, Tokenizer, TokenPiece } from "./types.ts";

export interface BpeParts {
  /** Token strings by id in GPT-2's byte alphabet; special tokens under their own names. */
  readonly vocab: readonly string[];
  /** Pairs of ids, best first. */
  readonly merges: readonly (readonly [number, number])[];
  readonly specials: ReadonlyMap<string, number>;
}

/** Words whose ids are remembered. Text repeats itself: 100,000 hold all of a novel's. */
const CACHE_WORDS = 100_000;
const CACHE_WORD_LENGTH = 64;
/** Heap keys are rank * 2^26 + position; ranks below 2^26 keep them exact in a double. */
const POSITIONS = 2 ** 26;

function badVocabulary(why: string): NestlingError {
  return new NestlingError("TOKENIZER_FORMAT", `The byte-level BPE vocabulary is not usable: ${why}. Export the tokenizer again.`);
}

export class BpeTokenizer implements Tokenizer {
  readonly kind = "bpe";
  readonly vocabSize: number;
  readonly specials: ReadonlyMap<string, number>;
  readonly hash: string;
  readonly #parts: BpeParts;
  readonly #byteIds = new Uint32Array(256);
  readonly #bytes: readonly Uint8Array[];
  /** a * V + b -> rank, and rank -> id of the merged token. */
  readonly #ranks = new Map<number, number>();
  readonly #mergedIds: Uint32Array;
  readonly #cache = new Map<string, Uint32Array>();
  readonly #utf8 = new TextEncoder();
  readonly #table: TokenTable;

  /** @throws NestlingError TOKENIZER_FORMAT where the parts contradict each other */
  constructor(parts: BpeParts) {
    const { vocab, merges, specials } = parts;
    this.#parts = parts;
    this.vocabSize = vocab.length;
    this.specials = specials;
    const names = new Map([...specials].map(([name, id]) => [id, name]));
    this.#bytes = vocab.map((token, id) => (names.has(id) ? new Uint8Array() : tokenBytes(token)));
    const ids = new Map<string, number>();
    vocab.forEach((token, id) => names.has(id) || ids.set(token, id));
    if (ids.size + names.size !== vocab.length) throw badVocabulary("a token stands in it twice");
    BYTE_TO_CHAR.forEach((char, byte) => {
      const id = ids.get(char);
      if (id === undefined) throw badVocabulary(`byte ${byte} has no token`);
      this.#byteIds[byte] = id;
    });
    this.#mergedIds = Uint32Array.from(merges, ([a, b], rank) => {
      const merged = ids.get(vocab[a] + vocab[b]);
      if (merged === undefined || names.has(a) || names.has(b)) throw badVocabulary(`merge ${rank} makes a token that is not in it`);
      const key = a * vocab.length + b;
      if (this.#ranks.has(key)) throw badVocabulary(`merge ${rank} stands in it twice`);
      this.#ranks.set(key, rank);
      return merged;
    });
    this.hash = sha256Hex(canonicalJson({ kind: "bpe", vocab, merges, specials: [...specials].sort((a, b) => a[1] - b[1]) }));
    this.#table = {
      vocabSize: vocab.length,
      specialName: (id) => names.get(id),
      bytes: (id) => this.#bytes[id],
      visible: (id) => visibleBytes(this.#bytes[id]),
    };
  }

  encode(text: string): Uint32Array {
    let out = new Uint32Array(Math.max(16, text.length >> 1));
    let length = 0;
    preTokenize(text, (start, end) => {
      const ids = this.#word(text.slice(start, end));
      if (length + ids.length > out.length) {
        const larger = new Uint32Array((length + ids.length) * 2);
        larger.set(out);
        out = larger;
      }
      out.set(ids, length);
      length += ids.length;
    });
    return out.slice(0, length);
  }

  decode(ids: ArrayLike<number>, options?: DecodeOptions): string {
    return tableDecode(this.#table, ids, options);
  }

  pieces(ids: ArrayLike<number>): TokenPiece[] {
    return tablePieces(this.#table, ids);
  }

  streamDecoder(options?: DecodeOptions): StreamDecoder {
    return tableStreamDecoder(this.#table, options);
  }

  toHuggingFace(): HuggingFaceTokenizer {
    const { vocab, merges, specials } = this.#parts;
    return huggingFaceFiles({
      preTokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
      decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
      unkToken: null,
      vocab,
      merges: merges.map(([a, b]) => [vocab[a], vocab[b]]),
    }, specials);
  }

  #word(word: string): Uint32Array {
    const known = this.#cache.get(word);
    if (known) return known;
    const ids = this.#merge(this.#utf8.encode(word));
    if (word.length <= CACHE_WORD_LENGTH) {
      if (this.#cache.size >= CACHE_WORDS) this.#cache.clear();
      this.#cache.set(word, ids);
    }
    return ids;
  }

  /** Merges the best-ranked pair, the leftmost of equals, until none is left: O(n log n). */
  #merge(bytes: Uint8Array): Uint32Array {
    const n = bytes.length;
    const ids = Uint32Array.from(bytes, (byte) => this.#byteIds[byte]);
    // Neighbours by position; -1 and n are the ends. A position merged away has right = -2.
    const left = Int32Array.from(ids, (_, i) => i - 1);
    const right = Int32Array.from(ids, (_, i) => i + 1);
    const queue = new Heap((a, b) => a < b);
    const rankAt = (i: number): number | undefined =>
      right[i] >= 0 && right[i] < n ? this.#ranks.get(ids[i] * this.vocabSize + ids[right[i]]) : undefined;
    const offer = (i: number): void => {
      const rank = i < 0 ? undefined : rankAt(i);
      if (rank !== undefined) queue.push(rank * POSITIONS + i);
    };
    for (let i = 0; i < n; i++) offer(i);
    for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
      const i = key % POSITIONS;
      const rank = (key - i) / POSITIONS;
      if (rankAt(i) !== rank) continue;
      const gone = right[i];
      ids[i] = this.#mergedIds[rank];
      right[i] = right[gone];
      right[gone] = -2;
      if (right[i] < n) left[right[i]] = i;
      offer(left[i]);
      offer(i);
    }
    return ids.filter((_, i) => right[i] !== -2);
  }
}

/** The bytes that a token's string stands for. @throws NestlingError TOKENIZER_FORMAT */
function tokenBytes(token: string): Uint8Array {
  return Uint8Array.from(token, (char) => {
    const byte = CHAR_TO_BYTE.get(char);
    if (byte === undefined) throw badVocabulary(`"${char}" in token "${token.slice(0, 40)}" stands for no byte`);
    return byte;
  });
}
