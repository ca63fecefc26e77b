/**
 * A look at files before they are taken in: the first megabyte of each and a few places after it, so that a drop is answered at once.
 * Numbers are estimates (`sample.ts`); `files.ts` reads all.
 */
import { describeError, NestlingError } from "../../core/errors.ts";
import type { CorpusChoices, CorpusPreview, FileLook, OwnUse } from "../../protocol/own-data.ts";
import type { ChatExample } from "../chat.ts";
import type { Tokenizer } from "../tokenizer/types.ts";
import { CsvRecords, lookAtCsv } from "./csv-records.ts";
import { TextDecoding } from "./decode.ts";
import { checkSize, fileBytes, formOf, ingest, type IngestFile } from "./files.ts";
import { checkClaim, claimedSize, isGzip } from "./gzip.ts";
import { JsonlReader } from "./jsonl.ts";
import { charactersOf, estimate, type Stretch } from "./sample.ts";
import { MAX_LINE_LENGTH, type RecordSink } from "./types.ts";

const HEAD_BYTES = 1 << 20;
const LF = 0x0a;
/** Of a file that is longer, so many pieces of this size after its first megabyte are looked at too. */
const PLACES = 4;
const PLACE_BYTES = 1 << 16;
const SHOWN = 600;
/** Below this much text a model learns no language from it, above that it needs no other. */
const LITTLE = 200_000;
const PLENTY = 2_000_000;

interface Looked {
  readonly look: FileLook;
  readonly stretches: readonly Stretch[];
}

export interface PreviewOptions {
  readonly choices?: CorpusChoices;
  readonly tokenizer?: Tokenizer;
  /** Columns of a row of the model that brings the tokenizer; what is longer it cannot learn from. */
  readonly context?: number;
  /** Characters a text needs at least, for what is said of an empty one. */
  readonly minCharacters?: number;
}

/** Never throws for a file's sake: what is wrong stands with the file. */
export async function preview(files: readonly IngestFile[], options: PreviewOptions = {}): Promise<CorpusPreview> {
  const looked: Looked[] = [];
  for (const file of files) looked.push(await lookAt(file, options.choices ?? {}, options.minCharacters));
  const kind = looked.some(({ look }) => look.kind === "chat") ? "chat" : "text";
  const looks = await withLack(files, looked.map(({ look }) => look), options);
  const textBytes = looks.reduce((sum, look) => sum + look.textBytes, 0);
  const stretches = looked.flatMap((each) => each.stretches);
  const shown = stretches.find(({ text, examples }) => text !== "" || examples.length > 0);
  const { suggested, why } = suggest(kind, textBytes);
  return {
    kind, files: looks, bytes: looks.reduce((sum, { bytes }) => sum + bytes, 0), textBytes, characters: Math.round(charactersOf(stretches)), suggested, why,
    sample: shown === undefined ? "" : (shown.text || shown.examples.slice(0, SHOWN).flatMap(({ messages }) => messages.map(({ content }) => `${content}\n`)).join("")).slice(0, SHOWN),
    ...(options.tokenizer ? estimate(stretches, options.tokenizer, options.context ?? Infinity) : {}),
  };
}

/** @param bytes of text, unpacked */
export function suggest(kind: "text" | "chat", bytes: number): { readonly suggested: OwnUse; readonly why: string } {
  const size = bytes < 1000 ? `${bytes} bytes` : bytes < 1e6 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
  if (kind === "chat") return { suggested: "finetune", why: "Questions with answers teach a model that knows the language how to answer." };
  if (bytes < LITTLE) return { suggested: "finetune", why: `${size} of text is too little to learn a language from, and enough to change how a trained model writes.` };
  if (bytes < PLENTY) return { suggested: "mixture", why: `${size} of text goes far when a model reads other text beside it.` };
  return { suggested: "pretrain", why: `${size} of text is enough for a small model to learn from it alone.` };
}

/** Where the looks saw all there is, what a reading would find to be too little already stands with its file. */
async function withLack(files: readonly IngestFile[], looks: readonly FileLook[], { choices, minCharacters }: PreviewOptions): Promise<readonly FileLook[]> {
  const size = looks.reduce((sum, { textBytes }) => sum + textBytes, 0);
  if (size >= HEAD_BYTES || looks.some(({ problem }) => problem !== undefined)) return looks;
  const nowhere = { text: () => undefined, endDocument: () => undefined, example: () => undefined, blank: () => undefined, flush: async () => undefined };
  try {
    await ingest(files, nowhere, { ...choices, minCharacters });
    return looks;
  } catch (error) {
    if (!(error instanceof NestlingError) || (error.code !== "DATA_EMPTY" && error.code !== "DATA_TOO_SHORT")) return looks;
    const named = files.findIndex(({ name }) => name === error.details["file"]);
    return looks.map((look, i) => (i === Math.max(0, named) ? { ...look, problem: describeError(error) } : look));
  }
}

async function lookAt(file: IngestFile, choices: CorpusChoices, minCharacters?: number): Promise<Looked> {
  const { name, data } = file;
  const { form, gzip: named } = formOf(name);
  let look: FileLook = { name: name.slice(0, 200), form, gzip: named, bytes: data.size, textBytes: data.size, ...(form === "text" ? { kind: "text" } : {}) };
  let text = "";
  try {
    checkSize(name, data.size, { minCharacters });
    const gzip = isGzip(new Uint8Array(await data.slice(0, 2).arrayBuffer()));
    look = { ...look, gzip, textBytes: gzip ? await claimedSize(data) : data.size };
    const { head, whole, read } = await headOf(file, choices);
    if (gzip) checkClaim(name, data.size, look.textBytes);
    text = head;
    if (whole) look = { ...look, textBytes: read };
    const { kind, records, csv, problem } = readable(name, head, whole, choices);
    const later = whole || gzip ? [] : await laterPlaces(file, read, choices, csv);
    // What was read first stands for itself where there is more to go by.
    const first: Stretch = { read, bytes: later.length > 0 ? read : look.textBytes, ...records };
    return { look: { ...look, ...(csv ? { csv } : {}), ...(kind ? { kind } : {}), ...(problem && { problem }) }, stretches: [first, ...later] };
  } catch (error) {
    const problem = describeError(error);
    // What a damaged archive says of its size is damaged too.
    if (problem.code === "GZ_CORRUPT" || problem.code === "GZ_TOO_LARGE") look = { ...look, textBytes: 0 };
    return { look: { ...look, problem }, stretches: [{ read: Math.max(1, text.length), bytes: look.textBytes, text, examples: [] }] };
  }
}

/** A few pieces from the rest of a file, read as well as pieces can be: without their first and last line, where lines count. */
async function laterPlaces({ name, data }: IngestFile, from: number, choices: CorpusChoices, csv: FileLook["csv"]): Promise<Stretch[]> {
  const rest = data.size - from;
  const decoder = new TextDecoder(choices.encoding === "utf-8-replace" ? "utf-8" : choices.encoding);
  const found: Stretch[] = [];
  for (let i = 0; i < PLACES; i++) {
    // Even, for encodings of two bytes.
    const at = from + 2 * Math.floor((rest * (i + 0.5)) / PLACES / 2);
    const bytes = new Uint8Array(await data.slice(at, Math.min(data.size, at + PLACE_BYTES)).arrayBuffer());
    const text = decoder.decode(bytes).replace(/^\ufffd{1,3}|\ufffd{1,3}$/g, "");
    const lines = formOf(name).form === "text" ? text : text.slice(text.indexOf("\n") + 1, text.lastIndexOf("\n") + 1);
    try {
      const { records } = recordsOf(name, lines, true, { ...choices, onBad: "skip", ...(csv ? { csv: { delimiter: csv.delimiter, header: false, columns: csv.chosen } } : {}) });
      found.push({ read: bytes.length, bytes: rest / PLACES, ...records });
    } catch {
      // A column that is not there: the piece begins inside a quoted field.
      found.push({ read: bytes.length, bytes: rest / PLACES, text: lines, examples: [] });
    }
  }
  return found;
}

/** Characters after the last line's end. */
const unended = (text: string): number => text.length - text.lastIndexOf("\n") - 1;

/** Text of the first megabyte; `whole` where that is all there is. */
async function headOf(file: IngestFile, choices: CorpusChoices): Promise<{ head: string; whole: boolean; read: number }> {
  const decoding = new TextDecoding(file.name, choices.encoding);
  const lines = formOf(file.name).form === "jsonl";
  let head = "";
  let read = 0;
  for await (const chunk of fileBytes(file)) {
    const part = lines ? chunk : chunk.subarray(0, HEAD_BYTES - read);
    head += decoding.push(part);
    read += part.length;
    // A line is read to its end, or until it is longer than one may be.
    if (read >= HEAD_BYTES && (!lines || part.includes(LF) || unended(head) > MAX_LINE_LENGTH)) return { head, whole: false, read };
  }
  return { head: head + decoding.end(), whole: true, read };
}

/** What of a head can be read; a line or row that cannot is told, and hides nothing of the others. @throws NestlingError where none can */
function readable(name: string, head: string, whole: boolean, choices: CorpusChoices): ReturnType<typeof recordsOf> & Pick<FileLook, "problem"> {
  try {
    return recordsOf(name, head, whole, choices);
  } catch (error) {
    const others = recordsOf(name, head, whole, { ...choices, onBad: "skip" });
    if (others.kind === undefined) throw error;
    return { ...others, problem: describeError(error) };
  }
}

function recordsOf(name: string, head: string, whole: boolean, choices: CorpusChoices): { kind?: FileLook["kind"]; records: Pick<Stretch, "text" | "examples">; csv?: FileLook["csv"] } {
  const { form } = formOf(name);
  if (form === "text") return { kind: "text", records: { text: head, examples: [] } };
  const parts: string[] = [];
  const examples: ChatExample[] = [];
  const sink: RecordSink = {
    text: (piece) => void parts.push(piece), blank: () => undefined,
    endDocument: () => void parts.push("\n"),
    example: (example) => void examples.push(example),
  };
  const onProblem = (make: () => NestlingError): void => {
    if (choices.onBad !== "skip") throw make();
  };
  const csv = form === "csv" ? lookAtCsv(head, choices.csv) : undefined;
  const reader = csv ? new CsvRecords(sink, csv, { name, onProblem }) : new JsonlReader(sink, { name, onProblem });
  reader.push(head);
  // The last line of a head that is not the whole file is cut, and one of JSON may be too long already.
  if (whole || (form === "jsonl" && unended(head) > MAX_LINE_LENGTH)) reader.end();
  const kind = examples.length > 0 ? "chat" : parts.length > 0 ? "text" : undefined;
  return { ...(kind ? { kind } : {}), records: { text: parts.join(""), examples }, ...(csv ? { csv } : {}) };
}
