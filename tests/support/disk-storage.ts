/** Storage in a folder, for tests that need more bytes than memory should hold. Not for a page: nothing here is atomic. */
import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { missingFile, pathSegments } from "../../src/store/storage.ts";
import { MemoryStorage, type FileEntry, type FileWriter, type OpenFile, type Storage } from "../../src/store/index.ts";

export class DiskStorage implements Storage {
  readonly kind = "memory";
  readonly #locks = new MemoryStorage();
  /** Most bytes that lay on disk through this storage so far. */
  written = 0;

  constructor(readonly folder: string) {}

  #path(path: string): string {
    const full = join(this.folder, ...pathSegments(path));
    mkdirSync(dirname(full), { recursive: true });
    return full;
  }

  #existing(path: string): string {
    const full = this.#path(path);
    if (statSync(full, { throwIfNoEntry: false }) === undefined) throw missingFile(path);
    return full;
  }

  async create(path: string): Promise<FileWriter> {
    const file = openSync(this.#path(path), "w");
    return {
      write: async (bytes) => void (this.written += writeSync(file, bytes)),
      close: async () => closeSync(file),
      abort: async () => {
        closeSync(file);
        rmSync(this.#path(path), { force: true });
      },
    };
  }

  async publish(path: string, content: Uint8Array): Promise<void> {
    writeFileSync(this.#path(path), content);
  }

  async append(path: string, offset: number, bytes: Uint8Array): Promise<void> {
    const file = openSync(this.#path(path), offset === 0 ? "w" : "r+");
    writeSync(file, bytes, 0, bytes.length, offset);
    closeSync(file);
  }

  async read(path: string, start = 0, end = Infinity): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(readFileSync(this.#existing(path)).subarray(start, end));
  }

  async open(path: string): Promise<OpenFile> {
    const file = openSync(this.#existing(path), "r");
    return { bytes: fstatSync(file).size, read: (start, into) => readSync(file, into, 0, into.length, start), close: () => closeSync(file) };
  }

  async list(folder: string): Promise<FileEntry[]> {
    return readdirSync(this.folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(this.folder, join(entry.parentPath, entry.name)))
      .filter((path) => folder === "" || path.startsWith(`${folder}/`))
      .map((path) => ({ path, bytes: statSync(join(this.folder, path)).size }))
      .sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  async delete(path: string): Promise<void> {
    rmSync(this.#path(path), { force: true });
  }

  lock(name: string, waitMs?: number): ReturnType<Storage["lock"]> {
    return this.#locks.lock(name, waitMs);
  }

  estimate(): ReturnType<Storage["estimate"]> {
    return Promise.resolve(null);
  }
}
