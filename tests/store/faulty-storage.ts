/** A storage whose i-th call goes wrong, in the manner of SQLite's I/O error tests. It wraps a sound one, which survives it. */
import { NestlingError } from "../../src/core/errors.ts";
import type { FileWriter, Storage } from "../../src/store/storage.ts";

/**
 * throw: the call does nothing and throws. late: it is done and throws all the same. short: half the bytes, then a throw. silent: half the
 * bytes and no word. wrong: one bit of the bytes is flipped, no word. dead: half the bytes reach the disk and nothing after it happens.
 */
export const FAULT_MODES = ["throw", "late", "short", "silent", "wrong", "dead"] as const;
export type FaultMode = (typeof FAULT_MODES)[number];

export class FaultyStorage implements Storage {
  readonly kind = "memory";
  calls = 0;
  #dead = false;

  constructor(
    readonly inner: Storage,
    readonly failAt: number,
    readonly mode: FaultMode,
  ) {}

  get fired(): boolean {
    return this.calls > this.failAt;
  }

  async #call<T>(path: string, bytes: Uint8Array | null, act: (bytes: Uint8Array) => Promise<T>, tear?: (half: Uint8Array) => Promise<unknown>): Promise<T> {
    const failure = new NestlingError(this.mode === "short" ? "STORAGE_FULL" : "STORAGE_MISSING", `fault at call ${this.calls} on ${path}`);
    if (this.#dead) throw failure;
    const given = bytes ?? new Uint8Array(0);
    if (this.calls++ !== this.failAt) return act(given);
    const half = given.slice(0, given.length >> 1);
    if (this.mode === "dead") {
      this.#dead = true;
      await tear?.(half);
      throw failure;
    }
    if (this.mode === "late") await act(given);
    if (this.mode === "short" && tear) await tear(half);
    if (this.mode === "silent" && tear) return act(half);
    if (this.mode === "wrong" && given.length > 0) {
      const flipped = given.slice();
      flipped[flipped.length >> 1]! ^= 0x10;
      return act(flipped);
    }
    throw failure;
  }

  create(path: string): Promise<FileWriter> {
    return this.#call(path, null, async () => {
      const writer = await this.inner.create(path);
      return {
        // A dead process's writer is closed as it stands: the torn prefix is what the next one finds.
        write: (bytes) => this.#call(path, bytes, (b) => writer.write(b), async (half) => { await writer.write(half); if (this.#dead) await writer.close(); }),
        close: () => this.#call(path, null, () => writer.close()),
        abort: () => this.#call(path, null, () => writer.abort()).catch(() => undefined),
      };
    });
  }

  /** Atomic by its own promise: a torn publish leaves the old content, but bytes can be wrong. */
  publish(path: string, content: Uint8Array): Promise<void> {
    return this.#call(path, content, (b) => this.inner.publish(path, b));
  }

  append(path: string, offset: number, bytes: Uint8Array): Promise<void> {
    const act = (b: Uint8Array): Promise<void> => this.inner.append(path, offset, b);
    return this.#call(path, bytes, act, act);
  }

  read(path: string, start?: number, end?: number): ReturnType<Storage["read"]> {
    return this.#call(path, null, () => this.inner.read(path, start, end));
  }

  open(path: string): ReturnType<Storage["open"]> {
    return this.#call(path, null, () => this.inner.open(path));
  }

  list(folder: string): ReturnType<Storage["list"]> {
    return this.#call(folder, null, () => this.inner.list(folder));
  }

  delete(path: string): Promise<void> {
    return this.#call(path, null, () => this.inner.delete(path));
  }

  lock(name: string, waitMs?: number): ReturnType<Storage["lock"]> {
    return this.#call(name, null, () => this.inner.lock(name, waitMs));
  }

  estimate(): ReturnType<Storage["estimate"]> {
    return this.inner.estimate();
  }
}
