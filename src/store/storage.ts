/**
 * The one storage interface that checkpoints, runs and logs are written through: a flat set of files under slash-separated
 * paths, with one atomic operation (`publish`). It knows nothing of checkpoints. Two behind it: in memory and in OPFS.
 */
import { NestlingError, describeError } from "../core/errors.ts";
import type { ErrorCode } from "../core/errors.ts";

export interface FileEntry {
  readonly path: string;
  readonly bytes: number;
}

/** A file being written piece by piece. It holds nothing until `close` resolved; a crash before leaves any prefix of it. */
export interface FileWriter {
  /** Appends; throws STORAGE_FULL when fewer bytes were taken than given. The bytes may be reused after it resolves. */
  write(bytes: Uint8Array): Promise<void>;
  /** Flushes to disk and closes. */
  close(): Promise<void>;
  /** Gives up and removes what was written; never throws. */
  abort(): Promise<void>;
}

/** A whole file open for reading without waiting. While it is open it can be read by others and neither written nor deleted. */
export interface OpenFile {
  readonly bytes: number;
  /** Fills `into` from byte `start` on; returns how many bytes there were. */
  read(start: number, into: Uint8Array): number;
  close(): void;
}

export interface StorageEstimate {
  readonly usageBytes: number;
  readonly quotaBytes: number;
  /** Whether the browser promised not to evict; `persist()` itself can be asked for only by the page. */
  readonly persisted: boolean;
}

export interface Lock {
  release(): Promise<void>;
}

/** Every method rejects with a NestlingError: STORAGE_FULL, STORAGE_LOCKED, STORAGE_MISSING or, for an absent file, CKPT_MISSING. */
export interface Storage {
  readonly kind: "memory" | "opfs";
  /** Starts a new file. Callers choose names never used before, so that nothing whole is ever written over. */
  create(path: string): Promise<FileWriter>;
  /** Replaces a file's content atomically: afterwards it is the old or the new, whole. */
  publish(path: string, content: Uint8Array): Promise<void>;
  /** Cuts the file to `offset` bytes (creating it at 0), appends, flushes. Not atomic: a crash leaves a prefix of the appended bytes. */
  append(path: string, offset: number, bytes: Uint8Array): Promise<void>;
  /** Bytes [start, end) of a file, a copy; past the end it gives what there is. */
  read(path: string, start?: number, end?: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Opens a file for reading in windows, again and again; throws STORAGE_LOCKED while it is written. */
  open(path: string): Promise<OpenFile>;
  /** All files whose path begins with `folder` + "/" (all files for ""), in any depth, sorted by path. */
  list(folder: string): Promise<FileEntry[]>;
  /** Removes a file; an absent one is no error. */
  delete(path: string): Promise<void>;
  /** An exclusive lock across tabs, or STORAGE_LOCKED when it is not free within `waitMs` (default 0). */
  lock(name: string, waitMs?: number): Promise<Lock>;
  /** Null where it is not known. */
  estimate(): Promise<StorageEstimate | null>;
}

/** Something that happened and did not stop the work: said to the person, never thrown. */
export interface StoreNotice {
  readonly code: ErrorCode;
  readonly text: string;
  readonly details: Readonly<Record<string, unknown>>;
}

const SEGMENT = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,120}$/;

/** The segments of a path, or a thrown STORAGE_MISSING: names that people chose never become paths. */
export function pathSegments(path: string): string[] {
  const segments = path.split("/");
  if (segments.length > 6 || !segments.every((s) => SEGMENT.test(s))) {
    throw new NestlingError("STORAGE_MISSING", `${JSON.stringify(path.slice(0, 80))} is no storage path; allowed are up to 6 parts of letters, digits, ".", "_" and "-".`, { path });
  }
  return segments;
}

/** Whether an id may be part of a path: a UUID or a short plain name. */
export function isPlainId(id: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$/.test(id);
}

export function missingFile(path: string): NestlingError {
  return new NestlingError("CKPT_MISSING", `The stored file ${path} does not exist. It was deleted or never finished; open another checkpoint.`, { path });
}

export function storageFull(path: string, written: number, wanted: number, estimate?: StorageEstimate | null): NestlingError {
  const room = estimate ? ` Used ${mb(estimate.usageBytes)} of ${mb(estimate.quotaBytes)} MB.` : "";
  return new NestlingError(
    "STORAGE_FULL",
    `The browser's storage is full: ${written} of ${wanted} bytes of ${path} were taken.${room} Earlier checkpoints are safe. Delete checkpoints or free disk space.`,
    { path, written, wanted, ...(estimate ?? {}) },
  );
}

const mb = (bytes: number): string => (bytes / 1e6).toFixed(1);

/** Any DOM exception of a storage call as a typed error. */
export function storageError(error: unknown, path: string): NestlingError {
  if (error instanceof NestlingError) return error;
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  const { message } = describeError(error);
  if (name === "QuotaExceededError") return new NestlingError("STORAGE_FULL", `The browser's storage is full (${message}) while writing ${path}. Earlier checkpoints are safe. Delete checkpoints or free disk space.`, { path });
  if (name === "NoModificationAllowedError") return new NestlingError("STORAGE_LOCKED", `${path} is in use by another tab or worker (${message}). Close it there, or wait.`, { path });
  if (name === "NotFoundError") return missingFile(path);
  return new NestlingError("STORAGE_MISSING", `The browser's storage refused ${path}: ${message}. Training can go on, without saving.`, { path, name });
}

/** Bytes that can be read in ranges: a Blob, an array, a stored file. */
export interface ByteSource {
  readonly size: number;
  /** Bytes [start, end), exactly that many. */
  read(start: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
}

export function bytesSource(bytes: Uint8Array): ByteSource {
  return { size: bytes.length, read: (start, end) => Promise.resolve(new Uint8Array(bytes.subarray(start, end))) };
}

export function blobSource(blob: Blob): ByteSource {
  return { size: blob.size, read: async (start, end) => new Uint8Array(await blob.slice(start, end).arrayBuffer()) };
}
