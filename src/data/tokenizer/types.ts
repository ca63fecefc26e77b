/**
 * What a tokenizer is, for everyone who uses one, and the special tokens. Not an implementation: `bpe.ts` and `char.ts`
 * hold the two kinds, `train-bpe.ts` makes one from text, `load.ts` reads one back.
 */

/** Starts every document and every conversation; predicted at a document's end. */
export const END_OF_TEXT = "<|endoftext|>";
export const USER = "<|user|>";
export const ASSISTANT = "<|assistant|>";
/** Ends a turn; generation stops here. */
export const END_OF_TURN = "<|end|>";
/** Characters that a character tokenizer has never seen. Byte-level BPE needs none. */
export const UNKNOWN = "<|unk|>";

/** Ids 0, 1, 2, 3 of every tokenizer trained here; a character tokenizer has `UNKNOWN` as id 4. */
export const SPECIAL_TOKENS = [END_OF_TEXT, USER, ASSISTANT, END_OF_TURN] as const;
export const CHAR_SPECIAL_TOKENS = [...SPECIAL_TOKENS, UNKNOWN] as const;

/** One token made visible: controls, bidi marks and parts of a UTF-8 sequence are written as escapes. */
export interface TokenPiece {
  readonly id: number;
  readonly text: string;
  readonly special: boolean;
}

export interface DecodeOptions {
  /** Write special tokens as their names; they are left out otherwise. */
  readonly showSpecials?: boolean;
}

/** Files of a Hugging Face folder, as values to be written with JSON.stringify. */
export interface HuggingFaceTokenizer {
  readonly tokenizerJson: Record<string, unknown>;
  readonly tokenizerConfig: Record<string, unknown>;
}

/** Decodes ids one at a time; what is not yet a whole character is held back until it is. */
export interface StreamDecoder {
  /** Text that became complete with this token; often the token's own, at times empty. */
  push(id: number): string;
  /** What was held back, incomplete sequences as U+FFFD. The decoder is then as new. */
  flush(): string;
}

export interface Tokenizer {
  readonly kind: "char" | "bpe";
  /** V: ids run from 0 to vocabSize - 1. */
  readonly vocabSize: number;
  /** Special tokens by name. */
  readonly specials: ReadonlyMap<string, number>;
  /** SHA-256 of what decides the ids; two tokenizers with one hash encode alike. */
  readonly hash: string;
  /** Special tokens in the text are not recognised: what a person types stays text. Lone surrogates become U+FFFD. */
  encode(text: string): Uint32Array;
  /** @throws NestlingError TOKEN_RANGE for an id outside the vocabulary */
  decode(ids: ArrayLike<number>, options?: DecodeOptions): string;
  /** @throws NestlingError TOKEN_RANGE */
  pieces(ids: ArrayLike<number>): TokenPiece[];
  streamDecoder(options?: DecodeOptions): StreamDecoder;
  toHuggingFace(): HuggingFaceTokenizer;
}
