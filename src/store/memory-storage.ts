/**
 * Storage in memory: for Node, for tests, and for a browser that gives no OPFS (the run then ends with the page, and says so).
 * It is as strict as the real one: paths are checked, a writer's bytes are copied, `publish` swaps whole contents.
 */
import { NestlingError } from "../core/errors.ts";
import { missingFile, pathSegments, storageFull } from "./storage.ts";
import type { FileEntry, FileWriter, Lock, OpenFile, Storage, StorageEstimate } from "./storage.ts";

export class MemoryStorage implements Storage {
  readonly kind = "memory";
  readonly #files = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly #locks = new Set<string>();

  /** @param quotaBytes refuse to hold more than this, with STORAGE_FULL */
  constructor(readonly quotaBytes = Infinity) {}

  #used(): number {
    let bytes = 0;
    for (const content of this.#files.values()) bytes += content.length;
    return bytes;
  }

  #put(path: string, content: Uint8Array<ArrayBuffer>): void {
    const grown = content.length - (this.#files.get(path)?.length ?? 0);
    if (this.#used() + grown > this.quotaBytes) throw storageFull(path, 0, content.length);
    this.#files.set(path, content);
  }

  create(path: string): Promise<FileWriter> {
    return run(() => {
      pathSegments(path);
      this.#put(path, new Uint8Array(0));
      const parts: Uint8Array<ArrayBuffer>[] = [];
      let pending = 0;
      return {
        write: (bytes) =>
          run(() => {
            if (this.#used() + pending + bytes.length > this.quotaBytes) throw storageFull(path, 0, bytes.length);
            parts.push(new Uint8Array(bytes));
            pending += bytes.length;
          }),
        close: () => run(() => this.#put(path, concat(parts))),
        abort: () => run(() => void this.#files.delete(path)),
      };
    });
  }

  publish(path: string, content: Uint8Array): Promise<void> {
    return run(() => {
      pathSegments(path);
      this.#put(path, new Uint8Array(content));
    });
  }

  append(path: string, offset: number, bytes: Uint8Array): Promise<void> {
    return run(() => {
      pathSegments(path);
      const old = this.#files.get(path) ?? new Uint8Array(0);
      if (old.length < offset) throw missingFile(`${path} up to byte ${offset}`);
      this.#put(path, concat([old.slice(0, offset), new Uint8Array(bytes)]));
    });
  }

  read(path: string, start = 0, end = Infinity): Promise<Uint8Array<ArrayBuffer>> {
    return run(() => {
      const content = this.#files.get(path);
      if (!content) throw missingFile(path);
      return content.slice(start, Math.min(end, content.length));
    });
  }

  open(path: string): Promise<OpenFile> {
    return run(() => {
      const content = this.#files.get(path);
      if (!content) throw missingFile(path);
      return {
        bytes: content.length,
        read: (start, into) => {
          const found = content.subarray(start, start + into.length);
          into.set(found);
          return found.length;
        },
        close: () => undefined,
      };
    });
  }

  list(folder: string): Promise<FileEntry[]> {
    return run(() =>
      [...this.#files]
        .filter(([path]) => folder === "" || path.startsWith(`${folder}/`))
        .map(([path, content]) => ({ path, bytes: content.length }))
        .sort((a, b) => (a.path < b.path ? -1 : 1)),
    );
  }

  delete(path: string): Promise<void> {
    return run(() => void this.#files.delete(path));
  }

  /** Locks hold within this instance; two instances are two worlds. `waitMs` is polled. */
  async lock(name: string, waitMs = 0): Promise<Lock> {
    const until = Date.now() + waitMs;
    while (this.#locks.has(name)) {
      if (Date.now() >= until) throw new NestlingError("STORAGE_LOCKED", `"${name}" is in use by another tab. It can be read here, not changed; close the other tab to go on.`, { name });
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    this.#locks.add(name);
    return { release: () => run(() => void this.#locks.delete(name)) };
  }

  estimate(): Promise<StorageEstimate | null> {
    return run(() => (Number.isFinite(this.quotaBytes) ? { usageBytes: this.#used(), quotaBytes: this.quotaBytes, persisted: false } : null));
  }
}

/** A synchronous body whose throw becomes a rejection. */
function run<T>(body: () => T): Promise<T> {
  return new Promise((resolve) => resolve(body()));
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
