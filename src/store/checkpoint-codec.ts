/**
 * A checkpoint as bytes and back: what goes into its one safetensors file, the checks before it is written, and the
 * verification when it is read. It touches no storage, so a shipped checkpoint is made and opened by the same code.
 */
import { NestlingError } from "../core/errors.ts";
import { canonicalJson, crc32c, sha256Hex, sha256Stream } from "../core/hash.ts";
import { checkpointKey, manifestText } from "./manifest.ts";
import type { CheckpointFacts, CheckpointFile, CheckpointManifest, ResumeState } from "./manifest.ts";
import { asFloat32, countNonFinite, decodeTensor, parseSafetensorsHeader } from "./safetensors.ts";
import type { Tensor } from "./safetensors.ts";
import { planSafetensors } from "./safetensors-write.ts";
import type { SafetensorsPlan, TensorToWrite } from "./safetensors-write.ts";

export const MOMENT_PREFIX = { m: "optimizer.m.", v: "optimizer.v." } as const;
/** What a stage holds on to beside weights and moments. */
const HELD_PREFIX = "optimizer.held.";

/** The optimizer's first and second moments by the name of the weight they belong to; SGD's and Muon's momentum is a first one alone. */
export interface Moments {
  readonly m: ReadonlyMap<string, Tensor>;
  readonly v: ReadonlyMap<string, Tensor>;
}

export interface CheckpointInput {
  readonly facts: CheckpointFacts;
  /** By Hugging Face name, adapters' `lora_A` and `lora_B` beside them. Copies, not views of shared memory. */
  readonly weights: ReadonlyMap<string, Tensor>;
  /** Needed whenever `facts.resume` is there. */
  readonly moments?: Moments | null;
  /** What else a stage needs to go on where it stood, by names of its own; only beside `facts.resume`. */
  readonly held?: ReadonlyMap<string, Tensor>;
  /** Default f32; bf16 halves a checkpoint that is not to be resumed. */
  readonly dtype?: "f32" | "bf16";
  readonly id?: string;
  readonly pinned?: boolean;
  readonly shipped?: boolean;
}

export interface CheckpointContent {
  readonly manifest: CheckpointManifest;
  readonly weights: Map<string, Tensor>;
  readonly moments: Moments | null;
  readonly held: ReadonlyMap<string, Tensor>;
}

/**
 * Checks a checkpoint and lays out its file.
 * @throws CKPT_NONFINITE for any NaN or Inf, CKPT_MISSING for a resume state without the moments of every trained weight
 */
export function planCheckpoint(input: CheckpointInput): SafetensorsPlan {
  const { facts, weights, moments, dtype = "f32" } = input;
  const tensors = new Map<string, TensorToWrite>();
  for (const [name, tensor] of weights) {
    if (name.startsWith("optimizer.")) throw new RangeError(`the weight ${name} has a name kept for moments`);
    tensors.set(name, dtype === "bf16" ? { ...tensor, dtype: "BF16" } : tensor);
  }
  if (facts.resume) {
    if (dtype !== "f32") throw new RangeError("a resumable checkpoint is f32: bf16 would not go on bit for bit");
    requireMoments(facts.resume, weights, moments ?? null);
    for (const kind of ["m", "v"] as const) for (const [name, tensor] of moments![kind]) tensors.set(MOMENT_PREFIX[kind] + name, tensor);
    for (const [name, tensor] of input.held ?? []) tensors.set(HELD_PREFIX + name, tensor);
  }
  refuseNonFinite(tensors, facts);
  return planSafetensors(tensors);
}

/** The figures of the file of a plan, taken piece by piece as it is written. */
export class FileFigures {
  readonly #sha256 = sha256Stream();
  readonly #crc32c: Record<string, number> = Object.create(null) as Record<string, number>;
  #bytes = 0;

  add(name: string | null, bytes: Uint8Array): void {
    this.#sha256.update(bytes);
    this.#bytes += bytes.length;
    if (name !== null) this.#crc32c[name] = crc32c(bytes, this.#crc32c[name] ?? 0);
  }

  finish(dtype: "f32" | "bf16"): CheckpointFile {
    return { bytes: this.#bytes, sha256: this.#sha256.hex(), dtype, crc32c: { ...this.#crc32c } };
  }
}

export function sealManifest(input: CheckpointInput, file: CheckpointFile, sealed: { id: string; createdMs: number; sequence: number }): CheckpointManifest {
  const { facts } = input;
  const stage: unknown = facts.recipe.stages[facts.stage.index] ?? facts.stage;
  let parameters = 0;
  for (const { data } of input.weights.values()) parameters += data.length;
  return {
    ...facts,
    ...sealed,
    key: checkpointKey({ parentKey: facts.parentKey, stage, dataHash: facts.dataHash, seed: facts.seed, engineVersion: facts.engineVersion }),
    parameters,
    configHash: sha256Hex(canonicalJson({ recipe: facts.recipe, model: facts.model })),
    tokenizerHash: sha256Hex(canonicalJson(facts.tokenizer)),
    pinned: input.pinned ?? false,
    shipped: input.shipped ?? false,
    file,
  };
}

/** A whole checkpoint in memory: what `npm run train` writes and what ships with the page. */
export function encodeCheckpoint(input: CheckpointInput, sealed: { id: string; createdMs: number; sequence?: number }): { bytes: Uint8Array<ArrayBuffer>; manifest: CheckpointManifest; manifestText: string } {
  const plan = planCheckpoint(input);
  const figures = new FileFigures();
  const bytes = new Uint8Array(plan.totalBytes);
  let at = 0;
  for (const piece of plan.pieces()) {
    bytes.set(piece.bytes, at);
    at += piece.bytes.length;
    figures.add(piece.name, piece.bytes);
  }
  const manifest = sealManifest(input, figures.finish(input.dtype ?? "f32"), { sequence: 1, ...sealed });
  return { bytes, manifest, manifestText: manifestText(manifest) };
}

/**
 * The tensors of a file, after its length and hash were compared with the manifest. Tensors are views of `bytes`.
 * @throws CKPT_CORRUPT naming what does not agree, CKPT_MISSING when moments are lacking
 */
export function decodeCheckpoint(manifest: CheckpointManifest, bytes: Uint8Array<ArrayBuffer>): CheckpointContent {
  if (bytes.length !== manifest.file.bytes) throw corrupt(manifest, `its file has ${bytes.length} bytes, written were ${manifest.file.bytes}`);
  if (sha256Hex(bytes) !== manifest.file.sha256) {
    const { damaged } = salvage(manifest, bytes);
    throw corrupt(manifest, damaged === null ? "its header is unreadable" : `its hash does not match; damaged: ${damaged.join(", ") || "header"}`);
  }
  const all = new Map<string, Tensor>();
  for (const entry of parseSafetensorsHeader(bytes).tensors.values()) {
    all.set(entry.name, asFloat32(decodeTensor(entry, bytes.subarray(entry.begin, entry.end)), entry.name));
  }
  const { weights, moments, held } = splitMoments(all);
  if (manifest.resume) requireMoments(manifest.resume, weights, moments);
  return { manifest, weights, moments, held };
}

/** Every tensor of a damaged file whose checksum still holds, for "export what is readable"; damaged is null when the header is gone. */
export function salvage(manifest: CheckpointManifest, bytes: Uint8Array<ArrayBuffer>): { tensors: Map<string, Tensor>; damaged: string[] | null } {
  const tensors = new Map<string, Tensor>();
  const damaged: string[] = [];
  try {
    for (const entry of parseSafetensorsHeader(bytes).tensors.values()) {
      const part = bytes.subarray(entry.begin, entry.end);
      if (crc32c(part) === (manifest.file.crc32c[entry.name] ?? 0)) tensors.set(entry.name, asFloat32(decodeTensor(entry, part), entry.name));
      else damaged.push(entry.name);
    }
  } catch {
    return { tensors, damaged: null };
  }
  return { tensors, damaged };
}

export function corrupt(manifest: Pick<CheckpointManifest, "id" | "name" | "step">, why: string): NestlingError {
  return new NestlingError("CKPT_CORRUPT", `The checkpoint "${manifest.name}" (step ${manifest.step}) is damaged: ${why}. Earlier checkpoints can be opened.`, { id: manifest.id, why });
}

function splitMoments(all: ReadonlyMap<string, Tensor>): Omit<CheckpointContent, "manifest"> {
  const weights = new Map<string, Tensor>();
  const m = new Map<string, Tensor>();
  const v = new Map<string, Tensor>();
  const held = new Map<string, Tensor>();
  for (const [name, tensor] of all) {
    if (name.startsWith(MOMENT_PREFIX.m)) m.set(name.slice(MOMENT_PREFIX.m.length), tensor);
    else if (name.startsWith(MOMENT_PREFIX.v)) v.set(name.slice(MOMENT_PREFIX.v.length), tensor);
    else if (name.startsWith(HELD_PREFIX)) held.set(name.slice(HELD_PREFIX.length), tensor);
    else weights.set(name, tensor);
  }
  return { weights, moments: m.size + v.size > 0 ? { m, v } : null, held };
}

function requireMoments({ trainable, firstMomentOnly = [] }: ResumeState, weights: ReadonlyMap<string, Tensor>, moments: Moments | null): void {
  const first = new Set(firstMomentOnly);
  const lacking = trainable.filter((name) => {
    const size = weights.get(name)?.data.length;
    return size === undefined || moments?.m.get(name)?.data.length !== size || (!first.has(name) && moments.v.get(name)?.data.length !== size);
  });
  if (lacking.length === 0 && trainable.length > 0) return;
  throw new NestlingError(
    "CKPT_MISSING",
    `Optimizer state is missing for ${lacking.length} of ${trainable.length} trained tensors (${lacking.slice(0, 3).map((name) => name.slice(0, 80)).join(", ")}). Such a checkpoint cannot be resumed; start a fine-tuning stage from it instead.`,
    { lacking: lacking.slice(0, 20).map((name) => name.slice(0, 80)), trainable: trainable.length },
  );
}

function refuseNonFinite(tensors: ReadonlyMap<string, TensorToWrite>, facts: CheckpointFacts): void {
  const counts: Record<string, number> = {};
  for (const [name, { data }] of tensors) {
    const count = data instanceof Float32Array ? countNonFinite(data) : 0;
    if (count > 0) counts[name] = count;
  }
  const names = Object.keys(counts);
  if (names.length === 0) return;
  const total = Object.values(counts).reduce((a, b) => a + b, 0);
  throw new NestlingError(
    "CKPT_NONFINITE",
    `${total} values in ${names.length} tensors are NaN or infinite at step ${facts.step} (first: ${names[0]}). It was not saved; the last good checkpoint is kept. Lower the learning rate and resume from it.`,
    { counts, step: facts.step },
  );
}
