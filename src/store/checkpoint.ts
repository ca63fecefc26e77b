/**
 * Checkpoints on a storage: save, list, load, delete, retention, sweep. A checkpoint is two files in its run's folder: the
 * tensors, under a name never used before, and then the manifest, published atomically; it exists from that moment on.
 * What goes into the files is `checkpoint-codec.ts`.
 */
import { NestlingError } from "../core/errors.ts";
import { sha256Stream } from "../core/hash.ts";
import { FileFigures, corrupt, decodeCheckpoint, planCheckpoint, salvage, sealManifest } from "./checkpoint-codec.ts";
import type { CheckpointContent, CheckpointInput } from "./checkpoint-codec.ts";
import { manifestText, parseManifest } from "./manifest.ts";
import type { CheckpointManifest } from "./manifest.ts";
import { keptByPolicy } from "./retention.ts";
import type { Tensor } from "./safetensors.ts";
import { isPlainId, missingFile, storageError } from "./storage.ts";
import type { FileEntry, Lock, Storage, StoreNotice } from "./storage.ts";

export interface StoreOptions {
  readonly now?: () => number;
  readonly newId?: () => string;
  /** Newest checkpoints of a run that retention keeps whatever else they are. */
  readonly keepLast?: number;
  /** Every how many saves (the first included) the file is read back and hashed before it is published. */
  readonly verifyEvery?: number;
  /** Awaited after each written piece, so that the engine can let commands in. */
  readonly breathe?: () => Promise<void>;
  readonly onNotice?: (notice: StoreNotice) => void;
}

export interface LoadedCheckpoint extends CheckpointContent {
  /** Filled when another checkpoint than the asked one was opened, saying which and why. */
  readonly notice: StoreNotice | null;
}

const PIECE_BYTES = 4 << 20;
const CHECKPOINT_FILE = /^runs\/([^/]+)\/ckpt-([^/]+)\.(json|safetensors)$/;

export const runFolder = (runId: string): string => `runs/${runId}`;
const manifestPath = (runId: string, id: string): string => `${runFolder(runId)}/ckpt-${id}.json`;
const tensorsPath = (runId: string, id: string): string => `${runFolder(runId)}/ckpt-${id}.safetensors`;

export class CheckpointStore {
  #tail: Promise<unknown> = Promise.resolve();
  #saves = 0;
  readonly #held = new Set<string>();
  readonly #known = new Map<string, { readonly bytes: number; readonly manifest: CheckpointManifest }>();

  constructor(
    readonly storage: Storage,
    readonly options: StoreOptions = {},
  ) {}

  /**
   * Takes the run for writing and clears away what a crash left in its folder.
   * @throws STORAGE_LOCKED when another tab has it
   */
  async openRun(runId: string, waitMs = 0): Promise<Lock> {
    checkId(runId);
    const lock = await this.storage.lock(`run:${runId}`, waitMs);
    this.#held.add(runId);
    await this.#sweepRun(runId).catch((error: unknown) => this.#note(storageError(error, runFolder(runId))));
    return {
      release: async () => {
        this.#held.delete(runId);
        await lock.release();
      },
    };
  }

  /** Clears away crash leftovers of every run that nobody holds. */
  async sweep(): Promise<void> {
    const runs = new Set((await this.storage.list("runs")).map(({ path }) => path.split("/")[1]!));
    for (const runId of runs) {
      if (this.#held.has(runId) || !isPlainId(runId)) continue;
      const lock = await this.storage.lock(`run:${runId}`).catch(() => null);
      if (!lock) continue;
      await this.#sweepRun(runId).finally(() => lock.release());
    }
  }

  /**
   * Writes a checkpoint. When it resolves it is on disk, whole, and findable; then old ones are let go by the policy.
   * @throws CKPT_NONFINITE, CKPT_MISSING (moments), STORAGE_FULL after pruning and one retry, STORAGE_*; earlier checkpoints stay
   */
  save(input: CheckpointInput): Promise<CheckpointManifest> {
    return this.#queue(async () => {
      const { runId } = input.facts;
      checkId(runId);
      let manifest: CheckpointManifest;
      try {
        manifest = await this.#write(input);
      } catch (error) {
        if (!(error instanceof NestlingError) || error.code !== "STORAGE_FULL") throw error;
        const freed = await this.#retain(runId, 1);
        if (freed.length === 0) throw error;
        this.#notice("STORAGE_FULL", `Storage was full; ${freed.length} older checkpoints of this run were let go to save the newest.`, { freed });
        manifest = await this.#write(input);
      }
      await this.#retain(runId, this.options.keepLast ?? 2).catch((error: unknown) => this.#note(storageError(error, runFolder(runId))));
      return manifest;
    });
  }

  /** Every readable manifest, oldest first within a run, and what could not be read. */
  async list(runId?: string): Promise<{ manifests: CheckpointManifest[]; problems: StoreNotice[] }> {
    this.#known.clear();
    return this.#manifests(runId);
  }

  /** As `list`, but a manifest that was read before and has kept its size is not read again: a save asks several times. */
  async #manifests(runId?: string): Promise<{ manifests: CheckpointManifest[]; problems: StoreNotice[] }> {
    const files = await this.storage.list(runId === undefined ? "runs" : runFolder(runId));
    const present = new Set(files.map(({ path }) => path));
    const manifests: CheckpointManifest[] = [];
    const problems: StoreNotice[] = [];
    for (const found of checkpointFiles(files)) {
      if (found.ending !== "json") continue;
      try {
        const known = this.#known.get(found.path);
        const manifest = known?.bytes === found.bytes ? known.manifest : await this.#readManifest(found.runId, found.id);
        this.#known.set(found.path, { bytes: found.bytes, manifest });
        if (!present.has(tensorsPath(found.runId, found.id))) throw corrupt(manifest, "its tensors are gone");
        manifests.push(manifest);
      } catch (error) {
        problems.push(asNotice(error, found.path));
      }
    }
    manifests.sort((a, b) => (a.runId === b.runId ? a.sequence - b.sequence || a.createdMs - b.createdMs : a.createdMs - b.createdMs || (a.runId < b.runId ? -1 : 1)));
    return { manifests, problems };
  }

  /** What decides over other files is decided on a listing in which every sound manifest was read, or not at all. */
  async #complete(runId?: string): Promise<CheckpointManifest[]> {
    const { manifests, problems } = await this.#manifests(runId);
    const unread = problems.find(({ code }) => !["CKPT_CORRUPT", "CKPT_VERSION", "CKPT_MISSING"].includes(code));
    if (unread) throw new NestlingError(unread.code, `The list of checkpoints could not be read: ${unread.text}`, unread.details);
    return manifests;
  }

  /**
   * Opens a checkpoint, every byte verified. If it is damaged the one before it in its run is opened, else its parent, with a
   * notice that says so.
   * @throws CKPT_MISSING for an unknown id, CKPT_VERSION for a newer format, CKPT_CORRUPT when nothing before it is whole
   */
  async load(id: string, options: { readonly fallback?: boolean } = {}): Promise<LoadedCheckpoint> {
    const runId = await this.#runOf(id);
    let broken: NestlingError;
    let manifest: CheckpointManifest | null = null;
    try {
      manifest = await this.#readManifest(runId, id);
      return { ...(await this.#readContent(manifest)), notice: null };
    } catch (error) {
      broken = storageError(error, manifestPath(runId, id));
      if (options.fallback === false || !fallsBack(broken)) throw broken;
    }
    const all = (await this.list()).manifests;
    const before = all.filter((m) => m.runId === runId && m.id !== id && (!manifest || m.sequence < manifest.sequence)).reverse();
    const parent = all.filter((m) => m.id === manifest?.parentId && m.runId !== runId);
    return this.#firstWhole([...before, ...parent], broken);
  }

  /** The newest whole checkpoint of a run, or null when it has none; damaged newer ones are told of in the notice. */
  async loadNewest(runId: string): Promise<LoadedCheckpoint | null> {
    const { manifests, problems } = await this.list(runId);
    const newer = problems.find(({ code }) => code === "CKPT_VERSION");
    if (manifests.length === 0 && newer) throw new NestlingError("CKPT_VERSION", newer.text, newer.details);
    if (manifests.length === 0 && problems.length === 0) return null;
    const broken = problems[0] ? new NestlingError("CKPT_CORRUPT", problems[0].text, problems[0].details) : null;
    return this.#firstWhole(manifests.reverse(), broken);
  }

  /** What can still be read of a damaged checkpoint: tensors whose own checksum holds. */
  async salvage(id: string): Promise<{ manifest: CheckpointManifest; tensors: Map<string, Tensor>; damaged: string[] | null }> {
    const manifest = await this.manifest(id);
    return { manifest, ...salvage(manifest, await this.storage.read(tensorsPath(manifest.runId, id))) };
  }

  async manifest(id: string): Promise<CheckpointManifest> {
    return this.#readManifest(await this.#runOf(id), id);
  }

  /** Removes a checkpoint, damaged or not. The manifest goes first, so that a crash between leaves an orphan and no half. */
  async delete(id: string): Promise<void> {
    const runId = await this.#runOf(id);
    await this.#queue(() => this.#remove(runId, id));
  }

  /** A pinned checkpoint is never let go by retention. */
  async pin(id: string, pinned: boolean): Promise<void> {
    const runId = await this.#runOf(id);
    await this.#queue(async () => this.#publish({ ...(await this.#readManifest(runId, id)), pinned }));
  }

  /** A notice when under three times `bytes` are free, or null (also where the browser does not say). */
  async room(bytes: number): Promise<StoreNotice | null> {
    const estimate = await this.storage.estimate();
    if (!estimate || estimate.quotaBytes - estimate.usageBytes >= 3 * bytes) return null;
    const free = Math.max(0, estimate.quotaBytes - estimate.usageBytes);
    return {
      code: "STORAGE_FULL",
      text: `About ${(free / 1e6).toFixed(0)} MB of browser storage are free; saving this run wants ${((3 * bytes) / 1e6).toFixed(0)} MB. Training works; saving may fail. Delete checkpoints first, or download as you go.`,
      details: { freeBytes: free, wantedBytes: 3 * bytes },
    };
  }

  async #write(input: CheckpointInput): Promise<CheckpointManifest> {
    const { runId } = input.facts;
    const id = input.id ?? (this.options.newId ?? (() => crypto.randomUUID()))();
    checkId(id);
    const plan = planCheckpoint(input);
    const path = tensorsPath(runId, id);
    if (checkpointFiles(await this.storage.list(runFolder(runId))).some((f) => f.id === id)) throw new RangeError(`the checkpoint id ${id} is taken`);
    const sequence = 1 + Math.max(0, ...(await this.#complete(runId)).map((m) => m.sequence));
    const writer = await this.storage.create(path);
    try {
      const figures = new FileFigures();
      for (const { name, bytes } of plan.pieces()) {
        figures.add(name, bytes);
        await writer.write(bytes);
        await this.options.breathe?.();
      }
      await writer.close();
      const manifest = sealManifest(input, figures.finish(input.dtype ?? "f32"), { id, sequence, createdMs: (this.options.now ?? Date.now)() });
      await this.#verifyWritten(path, manifest);
      await this.#publish(manifest);
      return manifest;
    } catch (error) {
      await this.storage.delete(manifestPath(runId, id)).catch(() => undefined);
      await writer.abort().catch(() => undefined);
      throw storageError(error, path);
    }
  }

  /** The size always; all bytes on the first and every tenth save, since reading costs as much as writing. */
  async #verifyWritten(path: string, manifest: CheckpointManifest): Promise<void> {
    const { bytes, sha256 } = manifest.file;
    const last = await this.storage.read(path, bytes - 1, bytes + 1);
    if (last.length !== 1) throw corrupt(manifest, `the file read back is not ${bytes} bytes long`);
    if (this.#saves++ % (this.options.verifyEvery ?? 10) !== 0) return;
    const hash = sha256Stream();
    for (let at = 0; at < bytes; at += PIECE_BYTES) hash.update(await this.storage.read(path, at, at + PIECE_BYTES));
    if (hash.hex() !== sha256) throw corrupt(manifest, "the file read back has another hash than what was written");
  }

  async #publish(manifest: CheckpointManifest): Promise<void> {
    await this.storage.publish(manifestPath(manifest.runId, manifest.id), new TextEncoder().encode(manifestText(manifest)));
    await this.#readManifest(manifest.runId, manifest.id);
  }

  async #readManifest(runId: string, id: string): Promise<CheckpointManifest> {
    const path = manifestPath(runId, id);
    const bytes = await this.storage.read(path);
    const manifest = parseManifest(new TextDecoder().decode(bytes), path);
    if (manifest.id !== id || manifest.runId !== runId) throw corrupt(manifest, `its manifest lies at ${path}`);
    return manifest;
  }

  async #readContent(manifest: CheckpointManifest): Promise<CheckpointContent> {
    const path = tensorsPath(manifest.runId, manifest.id);
    return decodeCheckpoint(manifest, await this.storage.read(path));
  }

  async #firstWhole(candidates: readonly CheckpointManifest[], broken: NestlingError | null): Promise<LoadedCheckpoint> {
    let reason = broken;
    for (const candidate of candidates) {
      try {
        const content = await this.#readContent(candidate);
        const notice: StoreNotice | null = reason && {
          code: "CKPT_CORRUPT",
          text: `${reason.message} Opened "${candidate.name}" (step ${candidate.step}) instead.`,
          details: { ...reason.details, opened: candidate.id },
        };
        return { ...content, notice };
      } catch (error) {
        const typed = storageError(error, candidate.id);
        if (!fallsBack(typed)) throw typed;
        reason ??= typed;
      }
    }
    throw new NestlingError("CKPT_CORRUPT", `${reason?.message ?? "No checkpoint is whole."} No earlier checkpoint of this run is whole either; what is readable can be exported.`, { ...reason?.details });
  }

  async #retain(runId: string, keepLast: number): Promise<string[]> {
    const manifests = await this.#complete();
    const kept = keptByPolicy(manifests, runId, keepLast);
    const freed = manifests.filter((m) => m.runId === runId && !kept.has(m.id)).map((m) => m.id);
    for (const id of freed) await this.#remove(runId, id);
    return freed;
  }

  async #remove(runId: string, id: string): Promise<void> {
    await this.storage.delete(manifestPath(runId, id));
    await this.storage.delete(tensorsPath(runId, id));
  }

  /** Tensors without a manifest were never acknowledged; swap files are the browser's leftovers. */
  async #sweepRun(runId: string): Promise<void> {
    const files = await this.storage.list(runFolder(runId));
    const published = new Set(checkpointFiles(files).filter((f) => f.ending === "json").map((f) => f.id));
    const orphans = checkpointFiles(files).filter((f) => f.ending === "safetensors" && !published.has(f.id)).map((f) => f.path);
    const leftovers = files.map((f) => f.path).filter((path) => path.endsWith(".crswap") || path.endsWith(".tmp"));
    for (const path of [...orphans, ...leftovers]) await this.storage.delete(path);
  }

  async #runOf(id: string): Promise<string> {
    checkId(id);
    const found = checkpointFiles(await this.storage.list("runs")).find((file) => file.id === id);
    if (!found) throw missingFile(`of checkpoint ${id}`);
    return found.runId;
  }

  /** Saves, deletes and pins go one after another, so that retention never meets a half-written neighbour. */
  #queue<T>(job: () => Promise<T>): Promise<T> {
    const next = this.#tail.then(job);
    this.#tail = next.catch(() => undefined);
    return next;
  }

  #notice(code: StoreNotice["code"], text: string, details: StoreNotice["details"]): void {
    this.options.onNotice?.({ code, text, details });
  }

  #note(error: NestlingError): void {
    this.#notice(error.code, error.message, error.details);
  }
}

function checkpointFiles(files: readonly FileEntry[]): (FileEntry & { runId: string; id: string; ending: "json" | "safetensors" })[] {
  return files.flatMap(({ path, bytes }) => {
    const match = CHECKPOINT_FILE.exec(path);
    return match ? [{ path, bytes, runId: match[1]!, id: match[2]!, ending: match[3] as "json" | "safetensors" }] : [];
  });
}

/** A newer format or a storage that is not there is no damage: falling back would hide it. */
function fallsBack(error: NestlingError): boolean {
  return error.code === "CKPT_CORRUPT" || error.code === "CKPT_MISSING" || error.code.startsWith("ST_");
}

function asNotice(error: unknown, path: string): StoreNotice {
  const { code, message, details } = storageError(error, path);
  return { code, text: message, details };
}

function checkId(id: string): void {
  if (!isPlainId(id)) throw new NestlingError("CKPT_MISSING", `${JSON.stringify(id.slice(0, 80))} is no checkpoint or run id; ids are letters, digits, "_" and "-".`, {});
}
