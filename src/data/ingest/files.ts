/**
 * A person's files as documents or examples, streamed: bytes, unpacking, decoding and reading in one pass, with memory that does
 * not grow with the files. Where they are kept is the engine's business; a look beforehand is `preview.ts`.
 */
import { describeError, NestlingError } from "../../core/errors.ts";
import type { CorpusChoices, IngestReport, OwnForm } from "../../protocol/own-data.ts";
import { CsvRecords, JUDGED, lookAtCsv } from "./csv-records.ts";
import { LineEnds, TextDecoding } from "./decode.ts";
import { gunzip, isGzip } from "./gzip.ts";
import { JsonlReader } from "./jsonl.ts";
import { MAX_FILE_BYTES, quoted, type ByteStream, type RecordReader, type RecordSink } from "./types.ts";

const KEPT_PROBLEMS = 20;

export interface IngestFile {
  readonly name: string;
  readonly data: ByteStream;
}

/** A sink that can be waited for between chunks, when what it holds should go to disk. */
export interface IngestSink extends RecordSink {
  flush(): Promise<void>;
}

export interface IngestOptions extends CorpusChoices {
  /** Characters a text needs at least: one context and the token after it. A token is never shorter than one. */
  readonly minCharacters?: number;
  readonly maxBytes?: number;
  /** Share of all files' bytes read, 0 to 1. */
  readonly onProgress?: (share: number) => void;
  readonly shouldStop?: () => boolean;
}

/** What a name says of a file. ".txt.gz" is a text that is packed; a name without a known ending is a text. */
export function formOf(name: string): { readonly form: OwnForm; readonly gzip: boolean } {
  const gzip = /\.gz$/i.test(name);
  const inner = gzip ? name.slice(0, -3) : name;
  return { gzip, form: /\.(?:jsonl|ndjson|json)$/i.test(inner) ? "jsonl" : /\.(?:csv|tsv)$/i.test(inner) ? "csv" : "text" };
}

/** @throws NestlingError DATA_EMPTY, DATA_TOO_LARGE: before a byte is read */
export function checkSize(name: string, size: number, options: { readonly maxBytes?: number; readonly minCharacters?: number } = {}): void {
  const { maxBytes = MAX_FILE_BYTES, minCharacters = 2 } = options;
  if (size === 0) {
    throw new NestlingError("DATA_EMPTY", `${quoted(name)} is empty (0 bytes); at least ${minCharacters} tokens are needed. Choose another file.`, { file: name, needed: minCharacters });
  }
  if (size > maxBytes) {
    throw new NestlingError("DATA_TOO_LARGE", `${quoted(name)} has ${size} bytes; at most ${maxBytes} are read. It was not opened. ` +
      "Cut a part out of it: a model of this size learns from far less.", { file: name, size, allowed: maxBytes });
  }
}

/** The bytes of a file, unpacked where it is gzip. @throws NestlingError GZ_*, DATA_UNREADABLE */
export async function* fileBytes(file: IngestFile, options: { readonly maxBytes?: number; readonly onRead?: (bytes: number) => void } = {}): AsyncGenerator<Uint8Array> {
  const { name, data } = file;
  try {
    const head = new Uint8Array(await data.slice(0, 2).arrayBuffer());
    if (isGzip(head)) {
      const counted: ByteStream = { size: data.size, slice: (start, end) => data.slice(start, end), stream: () => data.stream().pipeThrough(counter(options.onRead)) };
      return yield* gunzip(counted, { name, maxBytes: options.maxBytes });
    }
    if (formOf(name).gzip) {
      throw new NestlingError("GZ_CORRUPT", `${quoted(name)} is named as a gzip archive and does not begin like one. Nothing of it was kept. Rename it, or pack it again.`, { file: name });
    }
    for await (const chunk of data.stream()) {
      options.onRead?.(chunk.length);
      yield chunk;
    }
  } catch (error) {
    if (error instanceof NestlingError) throw error;
    throw new NestlingError("DATA_UNREADABLE", `${quoted(name)} could not be read: ${describeError(error).message}. Was it moved or changed since it was chosen? Choose it again.`, { file: name });
  }
}

const counter = (onRead?: (bytes: number) => void): TransformStream<Uint8Array, Uint8Array> =>
  new TransformStream({
    transform(chunk, controller) {
      onRead?.(chunk.length);
      controller.enqueue(chunk);
    },
  });

/** Keeps count on the way to the sink. */
class Counting implements RecordSink {
  documents = 0;
  examples = 0;
  characters = 0;
  blanks = 0;
  #visible = false;

  constructor(readonly sink: RecordSink) {}

  text(piece: string): void {
    this.characters += piece.length;
    this.#visible ||= /\S/.test(piece);
    this.sink.text(piece);
  }

  /** False where nothing but white space came. */
  get visible(): boolean {
    return this.#visible;
  }

  endDocument(): void {
    this.documents++;
    this.#visible = false;
    this.sink.endDocument();
  }

  example(example: Parameters<RecordSink["example"]>[0]): void {
    this.examples++;
    for (const { content } of example.messages) this.characters += content.length;
    this.sink.example(example);
  }

  blank(): void {
    this.blanks++;
    this.sink.blank();
  }
}

/** A text file as one document. */
class PlainText implements RecordReader {
  readonly #ends = new LineEnds();

  constructor(readonly sink: Counting, readonly name: string) {}

  push(text: string): void {
    const piece = this.#ends.push(text);
    if (piece !== "") this.sink.text(piece);
  }

  end(): void {
    const piece = this.#ends.end();
    if (piece !== "") this.sink.text(piece);
    if (!this.sink.visible) {
      throw new NestlingError("DATA_EMPTY", `${quoted(this.name)} holds only white space (${this.sink.characters} characters); at least 1 token is needed. Choose another file.`, { file: this.name });
    }
    this.sink.endDocument();
  }
}

/** Holds the beginning of a CSV file until its delimiter and columns can be judged. */
class JudgedCsv implements RecordReader {
  #head = "";
  #records: CsvRecords | null = null;

  constructor(readonly make: (head: string) => CsvRecords) {}

  push(text: string): void {
    if (this.#records) return this.#records.push(text);
    this.#head += text;
    if (this.#head.length >= JUDGED) this.#begin();
  }

  #begin(): void {
    this.#records = this.make(this.#head);
    this.#records.push(this.#head);
    this.#head = "";
  }

  end(): void {
    if (!this.#records) this.#begin();
    this.#records!.end();
  }
}

/**
 * Reads every file into the sink, in order. Nothing is committed here: on an error the caller throws away what the sink got.
 * @throws NestlingError DATA_*, JSONL_*, CSV_*, GZ_*, CANCELLED
 */
export async function ingest(files: readonly IngestFile[], sink: IngestSink, options: IngestOptions = {}): Promise<IngestReport & { readonly kind: "text" | "chat" }> {
  const { minCharacters = 2 } = options;
  if (files.length === 0) throw new NestlingError("DATA_EMPTY", "No file was given. Choose one.");
  for (const { name, data } of files) checkSize(name, data.size, options);
  const sourceBytes = files.reduce((sum, { data }) => sum + data.size, 0);
  const counting = new Counting(sink);
  const problems: NestlingError[] = [];
  let skipped = 0;
  let replaced = 0;
  let read = 0;
  const onProblem = (make: () => NestlingError): void => {
    if (options.onBad !== "skip") throw make();
    skipped++;
    if (problems.length < KEPT_PROBLEMS) problems.push(make());
  };
  for (const file of files) {
    const decoding = new TextDecoding(file.name, options.encoding);
    let reader: RecordReader | null = null;
    const { form } = formOf(file.name);
    const begin = (): RecordReader =>
      form === "text" ? new PlainText(counting, file.name)
      : form === "csv" ? new JudgedCsv((head) => new CsvRecords(counting, lookAtCsv(head, options.csv), { name: file.name, onProblem }))
      : new JsonlReader(counting, { name: file.name, onProblem, ...((options.encoding ?? "utf-8") === "utf-8" ? { byteOffset: decoding.bomBytes } : {}) });
    for await (const chunk of fileBytes(file, { maxBytes: options.maxBytes, onRead: (bytes) => void (read += bytes) })) {
      const text = decoding.push(chunk);
      if (text !== "") (reader ??= begin()).push(text);
      await sink.flush();
      options.onProgress?.(Math.min(1, read / sourceBytes));
      if (options.shouldStop?.()) throw new NestlingError("CANCELLED", "Reading the files was stopped; nothing was changed.");
    }
    const last = decoding.end();
    reader ??= begin();
    if (last !== "") reader.push(last);
    reader.end();
    replaced += decoding.replaced;
    if (counting.documents > 0 && counting.examples > 0) {
      throw new NestlingError("DATA_MIXED", `${quoted(file.name)} and the files before it hold both running text and questions with answers. Nothing was changed. Add each kind on its own.`, { file: file.name });
    }
  }
  const { documents, examples, characters, blanks } = counting;
  const names = files.length === 1 ? quoted(files[0].name) : `The ${files.length} files together`;
  if (documents + examples === 0) {
    throw new NestlingError("DATA_EMPTY", `${names} ${files.length === 1 ? "holds" : "hold"} 0 usable lines (${skipped} skipped, ${blanks} blank); at least 1 is needed. Nothing was changed.`, { skipped, blank: blanks });
  }
  if (examples === 0 && characters < minCharacters) {
    throw new NestlingError("DATA_TOO_SHORT", `${names} ${files.length === 1 ? "has" : "have"} ${characters} characters; at least ${minCharacters} tokens are needed (one context and the token after it). ` +
      "Use a longer text, or a smaller block_size.", { characters, needed: minCharacters });
  }
  return {
    kind: examples > 0 ? "chat" : "text", files: files.map(({ name }) => name.slice(0, 200)), sourceBytes, documents: documents + examples, characters, skipped,
    problems: problems.map(describeError), replaced, blank: blanks,
  };
}
