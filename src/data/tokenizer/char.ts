/**
 * The character tokenizer: one token a code point, those never seen in training become `<|unk|>`. In tokenizer.json it is
 * BPE without merges and without a pre-tokenizer. Not for user-perceived characters: a combining mark is a token.
 */
import { canonicalJson, sha256Hex } from "../../core/hash.ts";
import { NestlingError } from "../../core/errors.ts";
import { tableDecode, tablePieces, tableStreamDecoder, type TokenTable } from "./base.ts";
import { visible } from "./bytes.ts";
import { huggingFaceFiles } from "./huggingface.ts";
import { CHAR_SPECIAL_TOKENS, UNKNOWN, type DecodeOptions, type HuggingFaceTokenizer, type StreamDecoder, type Tokenizer, type TokenPiece } from "./types.ts";

const isSurrogate = (code: number): boolean => code >= 0xd800 && code <= 0xdfff;

export class CharTokenizer implements Tokenizer {
  readonly kind = "char";
  readonly vocabSize: number;
  readonly specials: ReadonlyMap<string, number>;
  readonly hash: string;
  readonly #vocab: readonly string[];
  readonly #ids = new Map<number, number>();
  readonly #unknownId: number;
  readonly #table: TokenTable;

  /**
   * @param vocab characters by id, special tokens under their names
   * @throws NestlingError TOKENIZER_FORMAT
   */
  constructor(vocab: readonly string[], specials: ReadonlyMap<string, number>) {
    this.#vocab = vocab;
    this.vocabSize = vocab.length;
    this.specials = specials;
    const names = new Map([...specials].map(([name, id]) => [id, name]));
    vocab.forEach((char, id) => {
      if (names.has(id)) return;
      const code = char.codePointAt(0);
      if (code === undefined || char.length !== (code > 0xffff ? 2 : 1) || isSurrogate(code) || this.#ids.has(code)) {
        throw new NestlingError("TOKENIZER_FORMAT", `Token ${id} of the character vocabulary is "${visible(char).slice(0, 40)}"; each must be one ` +
          "character that stands there once. Export the tokenizer again.", { id });
      }
      this.#ids.set(code, id);
    });
    const unknown = specials.get(UNKNOWN);
    if (unknown === undefined) {
      throw new NestlingError("TOKENIZER_FORMAT", `A character tokenizer needs the special token ${UNKNOWN} for characters it has not seen; it has ` +
        `${[...specials.keys()].join(", ") || "none"}.`);
    }
    this.#unknownId = unknown;
    this.hash = sha256Hex(canonicalJson({ kind: "char", vocab, specials: [...specials].sort((a, b) => a[1] - b[1]) }));
    const utf8 = new TextEncoder();
    const bytes = vocab.map((char) => utf8.encode(char));
    this.#table = { vocabSize: vocab.length, specialName: (id) => names.get(id), bytes: (id) => bytes[id], visible: (id) => visible(vocab[id]) };
  }

  encode(text: string): Uint32Array {
    const out = new Uint32Array(text.length);
    let length = 0;
    for (let i = 0; i < text.length; i++) {
      let code = text.codePointAt(i)!;
      if (code > 0xffff) i++;
      else if (isSurrogate(code)) code = 0xfffd;
      out[length++] = this.#ids.get(code) ?? this.#unknownId;
    }
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
    return huggingFaceFiles({ preTokenizer: null, decoder: { type: "Fuse" }, unkToken: UNKNOWN, vocab: this.#vocab, merges: [] }, this.specials);
  }
}

export interface TrainCharOptions {
  /** Ids 0, 1, ... in this order; must hold `UNKNOWN`. */
  readonly specials?: readonly string[];
  /** Upper limit, special tokens included: the rarest characters beyond it become unknown. */
  readonly vocabSize?: number;
}

/** The characters of the texts in code point order, after the special tokens. */
export function trainChar(texts: Iterable<string>, options: TrainCharOptions = {}): CharTokenizer {
  const counter = new CharCounter();
  for (const text of texts) counter.add(text);
  return counter.tokenizer(options);
}

/** Counts characters a piece at a time, for texts that are never whole in memory. */
export class CharCounter {
  readonly #counts = new Map<number, number>();

  add(text: string): void {
    for (let i = 0; i < text.length; i++) {
      let code = text.codePointAt(i)!;
      if (code > 0xffff) i++;
      else if (isSurrogate(code)) code = 0xfffd;
      this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1);
    }
  }

  tokenizer(options: TrainCharOptions = {}): CharTokenizer {
    const specials = options.specials ?? CHAR_SPECIAL_TOKENS;
    const room = Math.max(0, (options.vocabSize ?? Infinity) - specials.length);
    const kept = [...this.#counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, room === Infinity ? undefined : room).map(([code]) => code);
    const chars = kept.sort((a, b) => a - b).map((code) => String.fromCodePoint(code));
    return new CharTokenizer([...specials, ...chars], new Map(specials.map((name, id) => [name, id])));
  }
}
