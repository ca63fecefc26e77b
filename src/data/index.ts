/** The data folder's front door: tokenizers, splits, datasets, chat and batches. Corpora are `corpora/index.ts`, the made world is `world/`. */
export * from "./tokenizer/index.ts";
export * from "./batch-types.ts";
export * from "./split.ts";
export * from "./dataset.ts";
export * from "./text-source.ts";
export { readDocuments, readExamples, RecordBytes, type OpenBytes } from "./stored-text.ts";
export * from "./chat.ts";
export { TextBatches, type TextBatchOptions } from "./batches.ts";
export { ChatBatches, type ChatBatchOptions } from "./chat-batches.ts";
export { PreferenceBatches, type PreferenceOptions, type PreferencePair } from "./preference-batches.ts";
export { MixtureBatches, type WeightedSource } from "./mixture.ts";
