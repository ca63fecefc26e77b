/**
 * Storage in the origin private file system: written through sync access handles, which exist only in a dedicated worker, and
 * published by a move to a new name or through createWritable, whose close swaps the file whole (File System Standard, WHATWG). Locks are Web Locks.
 */
import { NestlingError } from "../core/errors.ts";
import { MemoryStorage } from "./memory-storage.ts";
import { missingFile, pathSegments, storageError, storageFull } from "./storage.ts";
import type { FileEntry, FileWriter, Lock, OpenFile, Storage, StorageEstimate, StoreNotice } from "./storage.ts";

/** Largest single write; a larger one would hold the worker's thread for too long. */
const PIECE_BYTES = 4 << 20;

/**
 * Opens (and makes) the folder `name` of this origin's private file system.
 * @throws STORAGE_MISSING where OPFS, sync access handles, createWritable, move or Web Locks do not exist: http on a LAN, a private
 * window, a page instead of a worker
 */
export async function openOpfsStorage(name = "nestling"): Promise<Storage> {
  const lacking = lackingParts();
  if (lacking.length > 0) {
    throw new NestlingError(
      "STORAGE_MISSING",
      `This browser cannot keep files here: ${lacking.join(", ")} missing. Training works, but nothing is kept after the page closes; download what you want to keep. https or localhost, outside a private window, gives storage.`,
      { lacking },
    );
  }
  try {
    const root = await navigator.storage.getDirectory();
    return new OpfsStorage(name, await root.getDirectoryHandle(name, { create: true }));
  } catch (error) {
    throw storageError(error, name);
  }
}

/** OPFS where it can be had, else memory with the notice that says why nothing is kept. */
export async function openStorage(name = "nestling"): Promise<{ storage: Storage; notice: StoreNotice | null }> {
  try {
    return { storage: await openOpfsStorage(name), notice: null };
  } catch (error) {
    const { code, message, details } = storageError(error, name);
    return { storage: new MemoryStorage(), notice: { code, text: message, details } };
  }
}

/** In every browser with sync access handles, not yet in the DOM library's types. */
type MovableHandle = FileSystemFileHandle & { move(name: string): Promise<void> };

/** Several read-only handles may be open on one file (Chromium 121 on); the library knows only the exclusive kind. */
type SharedHandle = FileSystemFileHandle & { createSyncAccessHandle(options: { mode: "read-only" }): Promise<FileSystemSyncAccessHandle> };

function lackingParts(): string[] {
  const lacking: string[] = [];
  if (typeof navigator === "undefined" || !navigator.storage?.getDirectory) lacking.push("the origin private file system");
  if (typeof FileSystemFileHandle === "undefined" || !("createSyncAccessHandle" in FileSystemFileHandle.prototype)) lacking.push("sync access handles (a dedicated worker)");
  if (typeof FileSystemFileHandle === "undefined" || !("createWritable" in FileSystemFileHandle.prototype)) lacking.push("createWritable");
  if (typeof FileSystemFileHandle === "undefined" || !("move" in FileSystemFileHandle.prototype)) lacking.push("moving a file");
  if (typeof navigator === "undefined" || !navigator.locks) lacking.push("Web Locks");
  return lacking;
}

class OpfsStorage implements Storage {
  readonly kind = "opfs";

  constructor(
    readonly name: string,
    readonly root: FileSystemDirectoryHandle,
  ) {}

  async #folder(segments: readonly string[], create: boolean): Promise<FileSystemDirectoryHandle> {
    let folder = this.root;
    for (const segment of segments) folder = await folder.getDirectoryHandle(segment, { create });
    return folder;
  }

  async #file(path: string, create: boolean): Promise<FileSystemFileHandle> {
    const segments = pathSegments(path);
    const folder = await this.#folder(segments.slice(0, -1), create);
    return folder.getFileHandle(segments.at(-1)!, { create });
  }

  async #guarded<T>(path: string, body: () => Promise<T>): Promise<T> {
    try {
      return await body();
    } catch (error) {
      throw storageError(error, path);
    }
  }

  create(path: string): Promise<FileWriter> {
    return this.#guarded(path, async () => {
      const handle = await (await this.#file(path, true)).createSyncAccessHandle();
      handle.truncate(0);
      let at = 0;
      let open = true;
      const shut = (): void => {
        if (open) handle.close();
        open = false;
      };
      return {
        write: (bytes) => this.#guarded(path, async () => void (at = await this.#writeAll(handle, path, bytes, at))),
        close: () =>
          this.#guarded(path, async () => {
            try {
              handle.flush();
            } finally {
              shut();
            }
          }),
        abort: async () => {
          shut();
          await this.delete(path).catch(() => undefined);
        },
      };
    });
  }

  /** A sync write that finds no room may take part of the bytes and return how many: every return value is checked. */
  async #writeAll(handle: FileSystemSyncAccessHandle, path: string, bytes: Uint8Array, start: number): Promise<number> {
    let at = start;
    for (let done = 0; done < bytes.length; ) {
      const piece = bytes.subarray(done, done + PIECE_BYTES) as Uint8Array<ArrayBuffer>;
      const written = handle.write(piece, { at });
      if (written !== piece.length) throw storageFull(path, done + written, bytes.length, await this.estimate());
      done += written;
      at += written;
    }
    return at;
  }

  publish(path: string, content: Uint8Array): Promise<void> {
    return this.#guarded(path, async () => {
      const segments = pathSegments(path);
      const folder = await this.#folder(segments.slice(0, -1), true);
      const name = segments.at(-1)!;
      const present = await folder.getFileHandle(name).catch(() => null);
      if (!present) return this.#publishNew(folder, name, content);
      const stream = await present.createWritable();
      try {
        await stream.write(content as Uint8Array<ArrayBuffer>);
      } catch (error) {
        await stream.abort().catch(() => undefined);
        throw error;
      }
      await stream.close();
    });
  }

  /**
   * createWritable swaps a file that exists; to make one, the name has to be created first, and a crash then leaves it empty
   * (seen in Chromium 156 when a worker is ended). So a new file is written and flushed beside its place, and moved there.
   */
  async #publishNew(folder: FileSystemDirectoryHandle, name: string, content: Uint8Array): Promise<void> {
    const file = await folder.getFileHandle(`${name}.tmp`, { create: true });
    const handle = await file.createSyncAccessHandle();
    try {
      handle.truncate(0);
      await this.#writeAll(handle, name, content, 0);
      handle.flush();
    } catch (error) {
      handle.close();
      await folder.removeEntry(file.name).catch(() => undefined);
      throw error;
    }
    handle.close();
    await (file as MovableHandle).move(name);
  }

  append(path: string, offset: number, bytes: Uint8Array): Promise<void> {
    return this.#guarded(path, async () => {
      const handle = await (await this.#file(path, true)).createSyncAccessHandle();
      try {
        if (handle.getSize() < offset) throw missingFile(`${path} up to byte ${offset}`);
        handle.truncate(offset);
        await this.#writeAll(handle, path, bytes, offset);
        handle.flush();
      } finally {
        handle.close();
      }
    });
  }

  read(path: string, start = 0, end = Infinity): Promise<Uint8Array<ArrayBuffer>> {
    return this.#guarded(path, async () => {
      const file = await (await this.#file(path, false)).getFile();
      return new Uint8Array(await file.slice(start, Math.min(end, file.size)).arrayBuffer());
    });
  }

  open(path: string): Promise<OpenFile> {
    return this.#guarded(path, async () => {
      const file = (await this.#file(path, false)) as SharedHandle;
      const handle = await file.createSyncAccessHandle({ mode: "read-only" });
      let open = true;
      return {
        bytes: handle.getSize(),
        read: (start, into) => handle.read(into as Uint8Array<ArrayBuffer>, { at: start }),
        close: () => {
          if (open) handle.close();
          open = false;
        },
      };
    });
  }

  async list(folder: string): Promise<FileEntry[]> {
    const found: FileEntry[] = [];
    const walk = async (handle: FileSystemDirectoryHandle, prefix: string): Promise<void> => {
      for await (const [name, child] of handle.entries()) {
        if (child.kind === "directory") await walk(child as FileSystemDirectoryHandle, `${prefix}${name}/`);
        else {
          // Another tab's swap file may be gone between the listing and the look: then it is not there.
          const file = await (child as FileSystemFileHandle).getFile().catch((error: unknown) => {
            if (error instanceof DOMException && error.name === "NotFoundError") return null;
            throw error;
          });
          if (file) found.push({ path: prefix + name, bytes: file.size });
        }
      }
    };
    try {
      await walk(await this.#folder(folder === "" ? [] : pathSegments(folder), false), folder === "" ? "" : `${folder}/`);
    } catch (error) {
      const typed = storageError(error, folder);
      if (typed.code !== "CKPT_MISSING") throw typed;
    }
    return found.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  async delete(path: string): Promise<void> {
    try {
      const segments = path.split("/");
      await (await this.#folder(segments.slice(0, -1), false)).removeEntry(segments.at(-1)!);
    } catch (error) {
      const typed = storageError(error, path);
      if (typed.code !== "CKPT_MISSING") throw typed;
    }
  }

  lock(name: string, waitMs = 0): Promise<Lock> {
    const full = `${this.name}:${name}`;
    return new Promise<Lock>((resolve, reject) => {
      const options: LockOptions = waitMs > 0 ? { mode: "exclusive", signal: AbortSignal.timeout(waitMs) } : { mode: "exclusive", ifAvailable: true };
      const refuse = (): void =>
        reject(new NestlingError("STORAGE_LOCKED", `"${name}" is in use by another tab. It can be read here, not changed; close the other tab to go on.`, { name, waitMs }));
      let ended: Promise<unknown> = Promise.resolve();
      ended = navigator.locks.request(full, options, (lock) => {
        if (!lock) return refuse();
        return new Promise<void>((free) => {
          resolve({
            release: async () => {
              free();
              await ended;
            },
          });
        });
      });
      ended.catch(refuse);
    });
  }

  async estimate(): Promise<StorageEstimate | null> {
    try {
      const { usage, quota } = await navigator.storage.estimate();
      return { usageBytes: usage ?? 0, quotaBytes: quota ?? 0, persisted: await navigator.storage.persisted() };
    } catch {
      return null;
    }
  }
}
