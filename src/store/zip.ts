/**
 * Zip archives, as far as a model folder needs them: written without compression (weights do not compress), read stored or
 * deflated, with caps against bombs. Entries are only ever data under a name; nothing is unpacked to paths.
 *
 * Format: PKWARE APPNOTE.TXT 6.3.10, sections 4.3 to 4.5. No ZIP64: archives of 4 GiB or more are refused.
 */
import { NestlingError } from "../core/errors.ts";
import type { ByteSource } from "./storage.ts";

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END_BYTES = 22;
/** 1 January 1980, so that the same files give the same bytes. */
const DOS_DATE = 0x21;
const UTF8_FLAG = 0x0800;

/** Deflate packs at most so well (258 bytes in two bits and a little, RFC 1951): whoever claims more lies, and gets no memory for it. */
const DEFLATE_RATIO = 1032;

/** Weights pack to no less than a third; text, which packs better, is small. Beyond both an archive is not about models. */
const MAX_RATIO = 8;
const FREE_BYTES = 32 * 2 ** 20;

export const ZIP_LIMITS = { entries: 1000, nameBytes: 512, archiveBytes: 0xffffffff, unpackedBytes: 1 << 30 } as const;

/** The archive in pieces, for `new Blob(pieces)`; file contents are not copied. @throws ZIP_FORMAT from 4 GiB on */
export function writeZip(files: ReadonlyMap<string, Uint8Array>): Uint8Array<ArrayBuffer>[] {
  let total = END_BYTES;
  for (const [name, content] of files) total += 30 + 46 + 2 * new TextEncoder().encode(name).length + content.length;
  if (total >= ZIP_LIMITS.archiveBytes || files.size > ZIP_LIMITS.entries) {
    throw fail(`The archive would have ${total} bytes in ${files.size} files; a zip holds less than ${ZIP_LIMITS.archiveBytes} bytes and ${ZIP_LIMITS.entries} files here. Export the files one by one.`, { bytes: total, files: files.size });
  }
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  const directory: Uint8Array<ArrayBuffer>[] = [];
  let at = 0;
  for (const [name, content] of files) {
    const nameBytes = new TextEncoder().encode(name);
    checkEntryName(name);
    const crc = crc32(content);
    const local = record(LOCAL, 30, nameBytes, (view) => commonFields(view, 4, crc, content.length, nameBytes.length));
    const start = at;
    directory.push(
      record(CENTRAL, 46, nameBytes, (view) => {
        view.setUint16(4, 20, true);
        commonFields(view, 6, crc, content.length, nameBytes.length);
        view.setUint32(42, start, true);
      }),
    );
    pieces.push(local, content as Uint8Array<ArrayBuffer>);
    at += local.length + content.length;
  }
  const directoryBytes = directory.reduce((sum, part) => sum + part.length, 0);
  const end = record(END, END_BYTES, new Uint8Array(0), (view) => {
    view.setUint16(8, files.size, true);
    view.setUint16(10, files.size, true);
    view.setUint32(12, directoryBytes, true);
    view.setUint32(16, at, true);
  });
  return [...pieces, ...directory, end];
}

/** Version, flags, method, time, date, CRC, both sizes, name length: the run of fields that both kinds of header share. */
function commonFields(view: DataView, at: number, crc: number, bytes: number, nameBytes: number): void {
  view.setUint16(at, 20, true);
  view.setUint16(at + 2, UTF8_FLAG, true);
  view.setUint16(at + 8, DOS_DATE, true);
  view.setUint32(at + 10, crc, true);
  view.setUint32(at + 14, bytes, true);
  view.setUint32(at + 18, bytes, true);
  view.setUint16(at + 22, nameBytes, true);
}

function record(signature: number, fixedBytes: number, name: Uint8Array, fill: (view: DataView) => void): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(fixedBytes + name.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, signature, true);
  fill(view);
  bytes.set(name, fixedBytes);
  return bytes;
}

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly packedBytes: number;
  readonly bytes: number;
  readonly offset: number;
}

export interface ZipContent {
  /** By name as stored, with the archive's one top folder taken off where there is one. */
  readonly files: Map<string, Uint8Array<ArrayBuffer>>;
  /** Entries that were not asked for; they were not unpacked. */
  readonly ignored: string[];
}

/**
 * Unpacks the entries whose base name is in `wanted`.
 * @throws ZIP_FORMAT for anything malformed, encrypted, doubled, overlapping, outside its folder or over a cap
 */
export async function readZip(source: ByteSource, wanted: ReadonlySet<string>, unpackedBytes: number = ZIP_LIMITS.unpackedBytes): Promise<ZipContent> {
  const { entries, directoryStart } = await readDirectory(source);
  const top = commonTop(entries.map((e) => e.name));
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const ignored: string[] = [];
  const allowed = Math.min(unpackedBytes, Math.max(FREE_BYTES, MAX_RATIO * source.size));
  let total = 0;
  for (const entry of entries) {
    const name = entry.name.startsWith(top) ? entry.name.slice(top.length) : entry.name;
    if (!wanted.has(name)) {
      if (!name.endsWith("/") && name !== "") ignored.push(name);
      continue;
    }
    total += entry.bytes;
    if (total > allowed) throw fail(`The archive of ${source.size} bytes unpacks to over ${allowed} bytes (${total} by its own word). Nothing was opened.`, { bytes: total, allowed });
    files.set(name, await readEntry(source, entry, directoryStart));
  }
  return { files, ignored };
}

/** The names in an archive, without unpacking anything. */
export async function listZip(source: ByteSource): Promise<string[]> {
  return (await readDirectory(source)).entries.map((e) => e.name);
}

async function readDirectory(source: ByteSource): Promise<{ entries: Entry[]; directoryStart: number }> {
  if (source.size < END_BYTES || source.size > ZIP_LIMITS.archiveBytes) throw fail(`A zip of ${source.size} bytes cannot be read; allowed are ${END_BYTES} to ${ZIP_LIMITS.archiveBytes}.`, { bytes: source.size });
  const tailStart = Math.max(0, source.size - END_BYTES - 0xffff);
  const tail = await source.read(tailStart, source.size);
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  let at = tail.length - END_BYTES;
  while (at >= 0 && !(view.getUint32(at, true) === END && at + END_BYTES + view.getUint16(at + 20, true) === tail.length)) at--;
  if (at < 0) throw fail("The file has no zip directory at its end: it was cut off or is no zip.", {});
  const count = view.getUint16(at + 10, true);
  const directoryBytes = view.getUint32(at + 12, true);
  const directoryStart = view.getUint32(at + 16, true);
  if (view.getUint32(at + 4, true) !== 0 || view.getUint16(at + 8, true) !== count) throw fail("The zip is spread over several disks or its counts disagree.", { count });
  if (count > ZIP_LIMITS.entries || directoryStart === 0xffffffff) throw fail(`The zip has ${count} entries or is a ZIP64 archive; allowed are ${ZIP_LIMITS.entries}, without ZIP64.`, { count, allowed: ZIP_LIMITS.entries });
  if (directoryStart + directoryBytes !== tailStart + at) throw fail("The zip's directory does not end where its end record begins.", { directoryStart, directoryBytes });
  const bytes = await source.read(directoryStart, directoryStart + directoryBytes);
  return { entries: parseDirectory(bytes, count, directoryStart), directoryStart };
}

function parseDirectory(bytes: Uint8Array, count: number, directoryStart: number): Entry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: Entry[] = [];
  const names = new Set<string>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== CENTRAL) throw fail(`Entry ${i + 1} of ${count} in the zip's directory is malformed.`, { entry: i });
    const nameBytes = view.getUint16(at + 28, true);
    const next = at + 46 + nameBytes + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if (next > bytes.length || nameBytes > ZIP_LIMITS.nameBytes) throw fail(`Entry ${i + 1} of the zip has a name of ${nameBytes} bytes; allowed are ${ZIP_LIMITS.nameBytes}.`, { entry: i });
    const name = entryName(bytes.subarray(at + 46, at + 46 + nameBytes));
    if (names.has(name)) throw fail(`The zip holds ${JSON.stringify(name)} twice; which one is meant cannot be known.`, { name });
    names.add(name);
    const entry = { name, method: view.getUint16(at + 10, true), crc: view.getUint32(at + 16, true), packedBytes: view.getUint32(at + 20, true), bytes: view.getUint32(at + 24, true), offset: view.getUint32(at + 42, true) };
    if (view.getUint16(at + 8, true) & 1) throw fail(`${JSON.stringify(name)} is encrypted; unpack it with its password and zip it again.`, { name });
    if (entry.method !== 0 && entry.method !== 8) throw fail(`${JSON.stringify(name)} is packed with method ${entry.method}; only stored (0) and deflate (8) are read.`, { name, method: entry.method });
    entries.push(entry);
    at = next;
  }
  if (at !== bytes.length) throw fail("Bytes are left over in the zip's directory.", { left: bytes.length - at });
  const byOffset = [...entries].sort((a, b) => a.offset - b.offset);
  byOffset.forEach((entry, i) => {
    const end = entry.offset + 30 + entry.packedBytes;
    if (end > (byOffset[i + 1]?.offset ?? directoryStart)) throw fail(`${JSON.stringify(entry.name)} overlaps what follows it in the zip.`, { name: entry.name });
  });
  return entries;
}

async function readEntry(source: ByteSource, entry: Entry, directoryStart: number): Promise<Uint8Array<ArrayBuffer>> {
  const head = await source.read(entry.offset, entry.offset + 30);
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (head.length !== 30 || view.getUint32(0, true) !== LOCAL || view.getUint16(8, true) !== entry.method) throw fail(`${JSON.stringify(entry.name)} is not where the zip's directory says.`, { name: entry.name });
  const nameStart = entry.offset + 30;
  const nameEnd = nameStart + view.getUint16(26, true);
  const start = nameEnd + view.getUint16(28, true);
  if (start + entry.packedBytes > directoryStart || entryName(await source.read(nameStart, nameEnd)) !== entry.name) throw fail(`${JSON.stringify(entry.name)} has two names or lengths in the zip.`, { name: entry.name });
  if (entry.bytes > DEFLATE_RATIO * (entry.packedBytes + 1)) throw fail(`${JSON.stringify(entry.name)} claims to unpack from ${entry.packedBytes} bytes to ${entry.bytes}, more than deflate can hold. Nothing was opened.`, { name: entry.name, bytes: entry.bytes, packed: entry.packedBytes });
  const packed = await source.read(start, start + entry.packedBytes);
  const content = entry.method === 0 ? packed : await inflate(packed, entry);
  if (content.length !== entry.bytes) throw fail(`${JSON.stringify(entry.name)} has ${content.length} bytes; the zip's directory says ${entry.bytes}.`, { name: entry.name, bytes: content.length, expected: entry.bytes });
  if (crc32(content) !== entry.crc) throw fail(`${JSON.stringify(entry.name)} does not match its checksum: the zip is damaged.`, { name: entry.name });
  return content;
}

/** Stops at the first byte past the size that the directory promised, so that a bomb costs no more than the cap. */
async function inflate(packed: Uint8Array<ArrayBuffer>, entry: Entry): Promise<Uint8Array<ArrayBuffer>> {
  const whole = new Uint8Array(entry.bytes);
  const reader = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  let at = 0;
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      if (at + part.value.length > whole.length) throw fail(`${JSON.stringify(entry.name)} unpacks to more than the ${entry.bytes} bytes that the zip's directory says.`, { name: entry.name, expected: entry.bytes });
      whole.set(part.value, at);
      at += part.value.length;
    }
  } catch (error) {
    await reader.cancel().catch(() => undefined);
    if (error instanceof NestlingError) throw error;
    throw fail(`${JSON.stringify(entry.name)} cannot be unpacked: its deflate data is damaged.`, { name: entry.name });
  }
  return whole.subarray(0, at);
}

function entryName(bytes: Uint8Array): string {
  let name: string;
  try {
    name = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(new Uint8Array(bytes));
  } catch {
    throw fail("A name in the zip is not UTF-8.", {});
  }
  checkEntryName(name);
  return name;
}

function checkEntryName(name: string): void {
  const parts = (name.endsWith("/") ? name.slice(0, -1) : name).split("/");
  // eslint-disable-next-line no-control-regex
  if (parts.some((part) => part === "" || part === "." || part === "..") || /[\\:\u0000-\u001f\u007f]/.test(name)) {
    throw fail(`The zip holds ${JSON.stringify(name.slice(0, 80))}, a path that leads out of its folder or cannot be a file. Nothing was opened.`, { name: name.slice(0, 80) });
  }
}

/** "folder/" when every entry lies in that one folder, else "". */
function commonTop(names: readonly string[]): string {
  const kept = names.filter((name) => !name.startsWith("__MACOSX/"));
  const first = kept[0] ?? "";
  const top = first.slice(0, first.indexOf("/") + 1);
  return top !== "" && kept.every((name) => name.startsWith(top)) ? top : "";
}

function fail(message: string, details: Record<string, unknown>): NestlingError {
  return new NestlingError("ZIP_FORMAT", message, details);
}

let crcTable: Uint32Array | undefined;

/** CRC-32 (reflected polynomial 0xEDB88320; APPNOTE 4.4.7). */
export function crc32(bytes: Uint8Array): number {
  if (!crcTable) {
    crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
      let c = n;
      for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
      return c;
    });
  }
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = crcTable[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
