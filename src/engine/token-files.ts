/**
 * Token ids of an own text in stored files, made once for each tokenizer and read by windows: memory holds neither the text nor its tokens.
 * A run that resumes, and the next one with the same tokenizer, finds them. Shipped texts stay in memory (`data/dataset.ts`).
 */
import { NestlingError } from "../core/errors.ts";
import { datasetHash, encodablePieces, END_OF_TEXT, specialId, splitSource, type Numbers, type Part, type TextSource, type TokenDataset, type TokenStream, type Tokenizer } from "../data/index.ts";
import type { FileWriter, OpenFile, Storage } from "../store/index.ts";

const BUFFER = 1 << 18;
const SLICE_MS = 40;
/** Token files kept of one text; older ones are removed when another tokenizer comes. */
const KEPT = 2;
/** One of so many document starts is held in memory. */
const SPARSE = 1024;

type Width = 2 | 4 | 8;
const PARTS = ["train", "validation"] as const satisfies readonly Part[];

interface StoredPart {
  readonly tokens: number;
  readonly starts: number;
}

interface TokenManifest extends Readonly<Record<Part, StoredPart>> {
  readonly version: 1;
  /** The files are own/<uuid>.<part>.ids and .starts. */
  readonly uuid: string;
  readonly width: 2 | 4;
  readonly hash: string;
  readonly createdMs: number;
}

export interface EncodeContext {
  readonly storage: Storage;
  readonly breathe: () => Promise<void>;
  readonly date: () => number;
  readonly onProgress: (share: number) => void;
  readonly shouldStop: () => boolean;
}

export interface OpenDataset extends TokenDataset {
  close(): void;
}

export const partFile = (uuid: string, part: Part, what: "ids" | "starts"): string => `own/${uuid}.${part}.${what}`;

/**
 * The text's tokens, split; encoded now where this tokenizer has not met it yet.
 * @param id 16 hex digits of the text's hash
 * @throws NestlingError CANCELLED, STORAGE_*, TOKENIZER_FORMAT
 */
export async function tokenFiles(id: string, source: TextSource, tokenizer: Tokenizer, stream: boolean, context: EncodeContext): Promise<OpenDataset> {
  const { storage } = context;
  const path = `own/${id}.${tokenizer.hash.slice(0, 16)}.${stream ? "stream" : "documents"}.json`;
  const hash = datasetHash(["stored", tokenizer.hash, id, stream ? "stream" : "documents"]);
  const known = await readManifest(storage, path);
  if (known?.hash === hash) {
    const opened = await open(storage, known).catch(() => null);
    if (opened) return opened;
  }
  await removeOlder(storage, id);
  const uuid = crypto.randomUUID();
  const lock = await storage.lock(`own-${uuid}`);
  try {
    const written = await encode(uuid, source, tokenizer, stream, context);
    const manifest: TokenManifest = { version: 1, uuid, width: widthOf(tokenizer), hash, createdMs: context.date(), ...written };
    await storage.publish(path, new TextEncoder().encode(JSON.stringify(manifest)));
    return await open(storage, manifest);
  } finally {
    await lock.release();
  }
}

const widthOf = ({ vocabSize }: Tokenizer): 2 | 4 => (vocabSize <= 1 << 16 ? 2 : 4);

async function readManifest(storage: Storage, path: string): Promise<TokenManifest | null> {
  try {
    const manifest = JSON.parse(new TextDecoder().decode(await storage.read(path))) as TokenManifest;
    return manifest.version === 1 ? manifest : null;
  } catch {
    return null; // absent or torn: it is made again
  }
}

async function removeOlder(storage: Storage, id: string): Promise<void> {
  const found: { path: string; manifest: TokenManifest | null }[] = [];
  for (const { path } of await storage.list("own")) {
    if (path.startsWith(`own/${id}.`) && path !== `own/${id}.json`) found.push({ path, manifest: await readManifest(storage, path) });
  }
  found.sort((a, b) => (b.manifest?.createdMs ?? 0) - (a.manifest?.createdMs ?? 0));
  for (const { path, manifest } of found.slice(KEPT - 1)) await removeTokens(storage, path, manifest).catch(() => undefined); // in use elsewhere
}

async function removeTokens(storage: Storage, path: string, manifest: TokenManifest | null): Promise<void> {
  if (manifest) for (const part of PARTS) for (const what of ["ids", "starts"] as const) await storage.delete(partFile(manifest.uuid, part, what));
  await storage.delete(path);
}

/** Everything that was made from a text. */
export async function removeTokenFiles(storage: Storage, id: string): Promise<void> {
  for (const { path } of await storage.list("own")) {
    if (path.startsWith(`own/${id}.`) && path !== `own/${id}.json`) await removeTokens(storage, path, await readManifest(storage, path));
  }
}

/** Ids of the files that a token manifest names. */
export async function tokenUuid(storage: Storage, path: string): Promise<string | undefined> {
  return (await readManifest(storage, path))?.uuid;
}

// --- writing

class NumberWriter {
  count = 0;
  readonly #view: DataView<ArrayBuffer>;
  #at = 0;

  constructor(readonly file: FileWriter, readonly width: Width) {
    this.#view = new DataView(new ArrayBuffer(BUFFER * width));
  }

  async add(numbers: ArrayLike<number>): Promise<void> {
    const { width } = this;
    for (let i = 0; i < numbers.length; i++) {
      const at = this.#at++ * width;
      if (width === 2) this.#view.setUint16(at, numbers[i], true);
      else if (width === 4) this.#view.setUint32(at, numbers[i], true);
      else this.#view.setFloat64(at, numbers[i], true);
      if (this.#at === BUFFER) await this.#flush();
    }
    this.count += numbers.length;
  }

  async #flush(): Promise<void> {
    await this.file.write(new Uint8Array(this.#view.buffer, 0, this.#at * this.width));
    this.#at = 0;
  }

  async close(): Promise<void> {
    await this.#flush();
    await this.file.close();
  }
}

async function encode(uuid: string, source: TextSource, tokenizer: Tokenizer, stream: boolean, context: EncodeContext): Promise<Readonly<Record<Part, StoredPart>>> {
  const { storage } = context;
  const marker = stream ? null : [specialId(tokenizer, END_OF_TEXT)];
  const opened: NumberWriter[] = [];
  const create = async (part: Part, what: "ids" | "starts"): Promise<NumberWriter> => {
    const writer = new NumberWriter(await storage.create(partFile(uuid, part, what)), what === "ids" ? widthOf(tokenizer) : 8);
    opened.push(writer);
    return writer;
  };
  try {
    const writers = {
      train: { ids: await create("train", "ids"), starts: await create("train", "starts") },
      validation: { ids: await create("validation", "ids"), starts: await create("validation", "starts") },
    };
    let done = 0;
    let sliceEnd = performance.now() + SLICE_MS;
    for (const { part, text, begins } of encodablePieces(splitSource(source, { stream }))) {
      const { ids, starts } = writers[part];
      if (begins && marker) {
        await starts.add([ids.count]);
        await ids.add(marker);
      }
      await ids.add(tokenizer.encode(text));
      done += text.length;
      if (performance.now() < sliceEnd) continue;
      context.onProgress(Math.min(1, done / source.characters));
      await context.breathe();
      if (context.shouldStop()) throw new NestlingError("CANCELLED", "Turning the text into tokens was stopped; the text is kept.");
      sliceEnd = performance.now() + SLICE_MS;
    }
    for (const writer of opened) await writer.close();
    const counts = ({ ids, starts }: { ids: NumberWriter; starts: NumberWriter }): StoredPart => ({ tokens: ids.count, starts: starts.count });
    return { train: counts(writers.train), validation: counts(writers.validation) };
  } catch (error) {
    for (const { file } of opened) await file.abort();
    throw error;
  }
}

// --- reading

/** Numbers of one width in an open file. */
class StoredNumbers implements Numbers {
  constructor(readonly file: OpenFile, readonly width: Width, readonly length: number) {}

  subarray(begin: number, end: number): Uint16Array | Uint32Array | Float64Array {
    const count = Math.max(0, Math.min(end, this.length) - begin);
    const bytes = new Uint8Array(count * this.width);
    const read = this.file.read(begin * this.width, bytes);
    if (read !== bytes.length) {
      throw new NestlingError("STORAGE_MISSING", `A stored token file gave ${read} of ${bytes.length} bytes. Start the run again: the tokens are then made anew from the text.`, { read, wanted: bytes.length });
    }
    // Files are little-endian, as every machine that runs this is.
    return this.width === 2 ? new Uint16Array(bytes.buffer) : this.width === 4 ? new Uint32Array(bytes.buffer) : new Float64Array(bytes.buffer);
  }
}

/** Document starts: every 1,024th in memory, so that finding one costs one read. */
class StoredStarts extends StoredNumbers {
  readonly #sparse: Float64Array;

  constructor(file: OpenFile, length: number) {
    super(file, 8, length);
    this.#sparse = Float64Array.from({ length: Math.ceil(length / SPARSE) }, (_, i) => this.subarray(i * SPARSE, i * SPARSE + 1)[0]);
  }

  upperBound(value: number): number {
    const block = bound(this.#sparse, value) - 1;
    if (block < 0) return 0;
    return block * SPARSE + bound(this.subarray(block * SPARSE, (block + 1) * SPARSE), value);
  }
}

function bound(numbers: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function open(storage: Storage, manifest: TokenManifest): Promise<OpenDataset> {
  const files: OpenFile[] = [];
  const close = (): void => files.forEach((file) => file.close());
  const file = async (part: Part, what: "ids" | "starts", bytes: number): Promise<OpenFile> => {
    const opened = await storage.open(partFile(manifest.uuid, part, what));
    files.push(opened);
    if (opened.bytes !== bytes) throw new NestlingError("STORAGE_MISSING", `A stored token file has ${opened.bytes} bytes, and ${bytes} were written. It is made anew.`);
    return opened;
  };
  const stream = async (part: Part): Promise<TokenStream> => {
    const { tokens, starts } = manifest[part];
    return {
      tokens: new StoredNumbers(await file(part, "ids", tokens * manifest.width), manifest.width, tokens),
      documentStarts: new StoredStarts(await file(part, "starts", starts * 8), starts),
    };
  };
  try {
    return { train: await stream("train"), validation: await stream("validation"), hash: manifest.hash, close };
  } catch (error) {
    close();
    throw error;
  }
}
