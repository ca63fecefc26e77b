/**
 * The manifest of a checkpoint: everything about it but the tensors, as plain JSON, and the text it is stored as. The text
 * carries a hash of its content, so that one flipped bit is seen. It says nothing about where the files lie.
 */
import { NestlingError } from "../core/errors.ts";
import { canonicalJson, sha256Hex } from "../core/hash.ts";
import type { CheckpointSummary } from "../protocol/messages.ts";
import type { LoraMethod, ModelConfig, Recipe } from "../protocol/recipe.ts";
import { scanJson } from "../core/json-scan.ts";
import { isPlainId } from "./storage.ts";

/** Anything that survives JSON. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Goes up when an older reader would misread a checkpoint. */
export const CHECKPOINT_FORMAT_VERSION = 1;
const FORMAT = "nestling-checkpoint";
const MAX_DEPTH = 64;

/** A model's config with the vocabulary it was built for (a character tokenizer has what its text has). */
export type SizedModelConfig = ModelConfig & { readonly vocab_size: number };

/** Hugging Face `tokenizer.json` and `tokenizer_config.json`, as objects. */
export interface TokenizerFiles {
  readonly tokenizerJson: object;
  readonly tokenizerConfig: object;
}

/** What training needs beside weights and moments to go on bit for bit. Present = resumable. */
export interface ResumeState {
  /** Names of the weights that are trained: each must have its moments in the file. */
  readonly trainable: readonly string[];
  /** Those of them whose optimizer keeps no second moment (SGD, Muon's matrices); absent = none. */
  readonly firstMomentOnly?: readonly string[];
  /** The optimizer's step counter, which AdamW's bias correction goes by: steps that were taken, not skipped. */
  readonly optimizerSteps: number;
  /** The learning-rate schedule's own state: iteration, length, warm-up, as the trainer words it. */
  readonly schedule: JsonObject;
  readonly lossScale: number;
  readonly goodSteps: number;
  readonly skippedSteps: number;
  /** The counter-based generator has no state but its seed and the step. */
  readonly seed: number;
  /** Where the batches stand: cursor, shuffle seed, epoch, as the data side words it. */
  readonly cursor: JsonObject;
}

export interface MetricsSummary {
  readonly trainLoss?: number;
  /** As last measured, at `valStep` over all stages (older checkpoints do not say at which). */
  readonly valLoss?: number;
  readonly valStep?: number;
  readonly oldLoss?: number;
  readonly quizRight?: number;
  readonly quizTotal?: number;
}

/** What the caller says about a checkpoint; the store adds id, key, time and the file's figures. */
export interface CheckpointFacts {
  readonly runId: string;
  /** The checkpoint this stage started from; null for a stage from nothing. */
  readonly parentId: string | null;
  readonly parentKey: string | null;
  readonly name: string;
  readonly stage: { readonly index: number; readonly kind: string; readonly name: string; /** Saved at its end. */ readonly finished: boolean };
  /** Steps done in this stage, over all stages, tokens and training time over all stages. */
  readonly step: number;
  readonly globalStep: number;
  readonly tokens: number;
  readonly trainMs: number;
  readonly recipe: Recipe;
  readonly model: SizedModelConfig;
  readonly tokenizer: TokenizerFiles;
  readonly dataHash: string;
  readonly seed: number;
  readonly engineVersion: string;
  /** The device it was trained on, for the record, and the kernel variants chosen there, restored on resume. */
  readonly device: JsonObject;
  readonly variants: Readonly<Record<string, string>>;
  readonly metrics: MetricsSummary;
  /** Bytes of the run's log that belong to this checkpoint's past. */
  readonly metricsOffset: number;
  /** The adapter whose `lora_A` and `lora_B` tensors are in the file beside the base's. */
  readonly lora: LoraMethod | null;
  readonly resume: ResumeState | null;
  /** Anything else the engine wants back. */
  readonly extra?: JsonObject;
}

export interface CheckpointFile {
  readonly bytes: number;
  readonly sha256: string;
  readonly dtype: "f32" | "bf16";
  /** Per tensor: CRC-32C of its bytes. */
  readonly crc32c: Readonly<Record<string, number>>;
}

export interface CheckpointManifest extends CheckpointFacts {
  readonly id: string;
  /** sha256 of canonicalJson {parentKey, stage, dataHash, seed, engineVersion}: equal keys, equal training. */
  readonly key: string;
  readonly createdMs: number;
  /** Counts the checkpoints of a run from 1: clocks jump back, this does not. */
  readonly sequence: number;
  readonly parameters: number;
  readonly configHash: string;
  readonly tokenizerHash: string;
  readonly pinned: boolean;
  readonly shipped: boolean;
  readonly file: CheckpointFile;
}

/** @param stage the recipe's stage, or any JSON that says what was trained */
export function checkpointKey(parts: { parentKey: string | null; stage: unknown; dataHash: string; seed: number; engineVersion: string }): string {
  return sha256Hex(canonicalJson(parts));
}

export function manifestText(manifest: CheckpointManifest): string {
  return JSON.stringify({ format: FORMAT, version: CHECKPOINT_FORMAT_VERSION, sha256: sha256Hex(canonicalJson(manifest)), manifest });
}

/**
 * @throws CKPT_VERSION for a newer format, CKPT_CORRUPT for anything that is not exactly what was written
 */
export function parseManifest(text: string, where = "manifest"): CheckpointManifest {
  const corrupt = (why: string): NestlingError =>
    new NestlingError("CKPT_CORRUPT", `${where} is damaged: ${why}. Its weights are untouched; an earlier checkpoint can be opened.`, { where, why });
  let outer: unknown;
  if (scanJson(text, { depth: MAX_DEPTH, unique: true }) !== null) throw corrupt("its JSON is malformed or nests too deep");
  try {
    outer = JSON.parse(text);
  } catch {
    throw corrupt("it is no whole JSON");
  }
  if (!isObject(outer) || outer["format"] !== FORMAT) throw corrupt(`it is not of the format "${FORMAT}"`);
  const version = outer["version"];
  if (typeof version === "number" && version > CHECKPOINT_FORMAT_VERSION) {
    throw new NestlingError("CKPT_VERSION", `${where} has format version ${version}; this build reads up to ${CHECKPOINT_FORMAT_VERSION}. Nothing was changed; open it with a newer build.`, { version, allowed: CHECKPOINT_FORMAT_VERSION });
  }
  if (version !== CHECKPOINT_FORMAT_VERSION) throw corrupt("its version is unknown");
  const manifest = outer["manifest"];
  if (!isObject(manifest) || typeof outer["sha256"] !== "string" || sha256Hex(canonicalJson(manifest)) !== outer["sha256"]) throw corrupt("its hash does not match its content");
  const problem = firstProblem(manifest);
  if (problem) throw corrupt(problem);
  return manifest as unknown as CheckpointManifest;
}

/** The hash says that it is what some writer wrote; these say that it can be used without a surprise. */
function firstProblem(m: Record<string, unknown>): string | null {
  for (const field of ["id", "runId"]) if (typeof m[field] !== "string" || !isPlainId(m[field])) return `${field} is no plain id`;
  for (const field of ["key", "name", "dataHash", "engineVersion", "configHash", "tokenizerHash"]) if (typeof m[field] !== "string") return `${field} is missing`;
  for (const field of ["step", "globalStep", "tokens", "trainMs", "createdMs", "sequence", "parameters", "metricsOffset", "seed"]) if (!Number.isFinite(m[field])) return `${field} is no number`;
  for (const field of ["stage", "recipe", "model", "tokenizer", "device", "variants", "metrics", "file"]) if (!isObject(m[field])) return `${field} is missing`;
  const file = m["file"] as Record<string, unknown>;
  if (!Number.isSafeInteger(file["bytes"]) || typeof file["sha256"] !== "string" || !isObject(file["crc32c"])) return "its file's figures are missing";
  const resume = m["resume"];
  if (resume !== null && !(isObject(resume) && Array.isArray(resume["trainable"]) && resume["trainable"].every((name) => typeof name === "string"))) return "its resume state is malformed";
  if (isObject(resume) && resume["firstMomentOnly"] !== undefined && !(Array.isArray(resume["firstMomentOnly"]) && resume["firstMomentOnly"].every((name) => typeof name === "string"))) return "its resume state is malformed";
  return null;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function checkpointSummary(m: CheckpointManifest): CheckpointSummary {
  const { vocab_size: _, ...model } = m.model;
  return {
    id: m.id,
    parentId: m.parentId,
    runId: m.runId,
    name: m.name,
    stage: m.stage.name,
    stageKind: m.stage.kind,
    stageIndex: m.stage.index,
    step: m.step,
    globalStep: m.globalStep,
    parameters: m.parameters,
    bytes: m.file.bytes,
    createdMs: m.createdMs,
    shipped: m.shipped,
    resumable: m.resume !== null,
    model,
    ...(m.metrics.valLoss === undefined ? {} : { valLoss: m.metrics.valLoss }),
    ...(m.metrics.valStep === undefined || m.metrics.valStep === m.globalStep ? {} : { valStep: m.metrics.valStep }),
    ...(m.metrics.quizRight === undefined ? {} : { quizRight: m.metrics.quizRight }),
    ...(m.metrics.quizTotal === undefined ? {} : { quizTotal: m.metrics.quizTotal }),
  };
}
