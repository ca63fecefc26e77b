/** The store's front door: what the engine and the command line use. */
export type { ByteSource, FileEntry, FileWriter, Lock, Storage, StorageEstimate, StoreNotice } from "./storage.ts";
export { blobSource, bytesSource } from "./storage.ts";
export { MemoryStorage } from "./memory-storage.ts";
export { openOpfsStorage, openStorage } from "./opfs-storage.ts";
export type { AnyTensor, Dtype, SafetensorsHeader, Tensor, TensorEntry } from "./safetensors.ts";
export { asFloat32, countNonFinite, parseSafetensors, parseSafetensorsHeader, readSafetensorsHeader, readTensor } from "./safetensors.ts";
export type { TensorToWrite } from "./safetensors-write.ts";
export { planSafetensors, writeSafetensors } from "./safetensors-write.ts";
export type { CheckpointFacts, CheckpointManifest, JsonObject, MetricsSummary, ResumeState, SizedModelConfig, TokenizerFiles } from "./manifest.ts";
export { CHECKPOINT_FORMAT_VERSION, checkpointKey, checkpointSummary, manifestText, parseManifest } from "./manifest.ts";
export type { CheckpointContent, CheckpointInput, Moments } from "./checkpoint-codec.ts";
export { decodeCheckpoint, encodeCheckpoint } from "./checkpoint-codec.ts";
export type { LoadedCheckpoint, StoreOptions } from "./checkpoint.ts";
export { CheckpointStore } from "./checkpoint.ts";
export type { LogRecord } from "./run-log.ts";
export { RunLog } from "./run-log.ts";
export type { RunRecord } from "./runs.ts";
export { RunStore } from "./runs.ts";
