/**
 * A person's own data in the store: read once from their files, kept as a text file or as examples with a manifest, found again after a
 * reload, removed when they say so. What becomes of it as tokens is `token-files.ts`.
 */
import { NestlingError } from "../core/errors.ts";
import { sha256Stream } from "../core/hash.ts";
import { ingest, type IngestFile, type IngestOptions, type IngestSink } from "../data/ingest/files.ts";
import { readDocuments, readExamples, RecordBytes, type ChatExample, type TextSource } from "../data/index.ts";
import type { CorpusSummary } from "../protocol/messages.ts";
import type { IngestReport } from "../protocol/own-data.ts";
import type { FileWriter, OpenFile, Storage } from "../store/index.ts";
import { removeTokenFiles, tokenUuid } from "./token-files.ts";

/** Bytes that wait before they are written. */
const FLUSH_BYTES = 4 << 20;
/** Conversations are packed into rows by length, so all of them are in memory at once. */
export const MAX_CHAT_BYTES = 256 * 2 ** 20;
const UUID_FILE = /^own\/([0-9a-f]{8}-[0-9a-f-]{27})\.[a-z.]+$/;
const MANIFEST = /^own\/([0-9a-f]{16})\.json$/;

interface OwnManifest {
  readonly version: 1;
  readonly id: string;
  readonly title: string;
  readonly kind: "text" | "chat";
  /** The file is own/<uuid>.data. */
  readonly uuid: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly createdMs: number;
  readonly report: IngestReport;
}

export type OwnCorpus = { readonly kind: "text"; readonly source: TextSource } | { readonly kind: "chat"; readonly examples: readonly ChatExample[] };

const dataFile = (uuid: string): string => `own/${uuid}.data`;
const manifestPath = (id: string): string => `own/${id}.json`;

/** Writes records as they come, hashing them on the way. */
class StoredSink extends RecordBytes implements IngestSink {
  readonly hash = sha256Stream();
  bytes = 0;
  chat = false;

  constructor(readonly file: FileWriter, readonly maxChatBytes: number) {
    super();
  }

  override example(example: ChatExample): void {
    this.chat = true;
    super.example(example);
  }

  async flush(): Promise<void> {
    if (this.waiting >= FLUSH_BYTES) await this.write();
  }

  async write(): Promise<void> {
    for (const bytes of this.take()) {
      this.hash.update(bytes);
      this.bytes += bytes.length;
      await this.file.write(bytes);
    }
    if (this.chat && this.bytes > this.maxChatBytes) {
      throw new NestlingError("DATA_TOO_LARGE", `The conversations have more than ${this.maxChatBytes} bytes, the most that are packed into rows at once. Nothing was kept. Take a part of them.`, { allowed: this.maxChatBytes });
    }
  }
}

export interface OwnContext {
  readonly storage: Storage;
  readonly breathe: () => Promise<void>;
  readonly date: () => number;
  /** Most bytes of conversations, which are in memory together. */
  readonly maxChatBytes?: number;
}

/**
 * Reads the files and keeps what they hold; the same content again is the same corpus. On any error nothing is kept.
 * @throws NestlingError DATA_*, JSONL_*, CSV_*, GZ_*, STORAGE_*, CANCELLED
 */
export async function keepOwn(title: string, files: readonly IngestFile[], options: IngestOptions, context: OwnContext): Promise<CorpusSummary> {
  const { storage } = context;
  await checkRoom(files, storage);
  const uuid = crypto.randomUUID();
  const lock = await storage.lock(`own-${uuid}`);
  const file = await storage.create(dataFile(uuid));
  try {
    const sink = new StoredSink(file, context.maxChatBytes ?? MAX_CHAT_BYTES);
    const breathing: IngestSink = {
      text: (piece) => sink.text(piece), endDocument: () => sink.endDocument(), example: (example) => sink.example(example), blank: () => undefined,
      flush: async () => {
        await sink.flush();
        await context.breathe();
      },
    };
    const { kind, ...report } = await ingest(files, breathing, options);
    await sink.write();
    await file.close();
    // The last moment to change one's mind: what follows puts it on record.
    if (options.shouldStop?.()) throw new NestlingError("CANCELLED", "Reading the files was stopped; nothing was changed.");
    const sha256 = sink.hash.hex();
    const id = sha256.slice(0, 16);
    const known = await readManifest(storage, manifestPath(id));
    const manifest: OwnManifest = { version: 1, id, title: title.slice(0, 80), kind, uuid: known?.uuid ?? uuid, bytes: sink.bytes, sha256, createdMs: context.date(), report };
    if (known) await storage.delete(dataFile(uuid));
    await storage.publish(manifestPath(id), new TextEncoder().encode(JSON.stringify(manifest)));
    return summaryOf(manifest);
  } catch (error) {
    await file.abort();
    throw error;
  } finally {
    await lock.release();
  }
}

/** Said before the first byte is read, where the browser tells how much room there is. */
async function checkRoom(files: readonly IngestFile[], storage: Storage): Promise<void> {
  const estimate = await storage.estimate();
  if (!estimate) return;
  const wanted = files.reduce((sum, { data }) => sum + data.size, 0);
  const free = estimate.quotaBytes - estimate.usageBytes;
  if (wanted > free) {
    throw new NestlingError("STORAGE_FULL", `The files have ${wanted} bytes, and the browser's storage has ${free} left of ${estimate.quotaBytes}. Nothing was read. Delete checkpoints or texts, or free disk space.`, { wanted, free });
  }
}

function summaryOf({ id, title, kind, bytes, report }: OwnManifest): CorpusSummary {
  const { documents, characters, skipped } = report;
  const what = kind === "chat" ? `${documents} examples` : documents === 1 ? `Your text, ${characters} characters` : `${documents} documents, ${characters} characters`;
  return { id: `own:${id}`, title, description: `${what}${skipped ? `, ${skipped} left out` : ""}.`, bytes, kind, report };
}

async function readManifest(storage: Storage, path: string): Promise<OwnManifest | null> {
  try {
    const manifest = JSON.parse(new TextDecoder().decode(await storage.read(path))) as OwnManifest;
    return manifest.version === 1 ? manifest : null;
  } catch {
    return null;
  }
}

/** All that is kept, oldest first; what a crash left behind is removed on the way. */
export async function listOwn(storage: Storage): Promise<CorpusSummary[]> {
  const files = await storage.list("own");
  const manifests: OwnManifest[] = [];
  const named = new Set<string>();
  for (const { path } of files) {
    if (MANIFEST.test(path)) {
      const manifest = await readManifest(storage, path);
      if (manifest) manifests.push(manifest);
    } else if (path.endsWith(".json")) named.add((await tokenUuid(storage, path)) ?? "");
  }
  for (const { uuid } of manifests) named.add(uuid);
  for (const { path } of files) {
    const uuid = UUID_FILE.exec(path)?.[1];
    if (uuid === undefined || named.has(uuid)) continue;
    // Somebody who is still writing it holds its lock.
    const lock = await storage.lock(`own-${uuid}`).catch(() => null);
    if (lock) {
      await storage.delete(path).catch(() => undefined);
      await lock.release();
    }
  }
  return manifests.sort((a, b) => a.createdMs - b.createdMs).map(summaryOf);
}

/** @returns the corpus and what lets go of its file; null where nothing is kept under this id */
export async function openOwn(id: string, storage: Storage): Promise<{ corpus: OwnCorpus; close: () => void } | null> {
  const manifest = await readManifest(storage, manifestPath(id));
  if (!manifest) return null;
  const file: OpenFile = await storage.open(dataFile(manifest.uuid));
  if (manifest.kind === "chat") {
    try {
      return { corpus: { kind: "chat", examples: [...readExamples(file)] }, close: () => undefined };
    } finally {
      file.close();
    }
  }
  const { documents, characters } = manifest.report;
  return { corpus: { kind: "text", source: { documents, characters, pieces: () => readDocuments(file) } }, close: () => file.close() };
}

/** Removes a corpus and the tokens made from it. @throws NestlingError STORAGE_LOCKED where a run still reads it */
export async function deleteOwn(id: string, storage: Storage): Promise<void> {
  const manifest = await readManifest(storage, manifestPath(id));
  if (!manifest) return;
  await removeTokenFiles(storage, id);
  await storage.delete(dataFile(manifest.uuid));
  await storage.delete(manifestPath(id));
}
