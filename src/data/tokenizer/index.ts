/** Tokenizers: types and special tokens, the two kinds, training and reading. */
export * from "./types.ts";
export { visible } from "./bytes.ts";
export { BpeTokenizer } from "./bpe.ts";
export { CharCounter, CharTokenizer, trainChar, type TrainCharOptions } from "./char.ts";
export { trainBpe, type TrainBpeOptions } from "./train-bpe.ts";
export { loadTokenizer } from "./load.ts";
