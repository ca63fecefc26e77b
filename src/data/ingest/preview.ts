/** A look at files before they are taken in: from the first megabyte of each, so that a drop is answered at once. Numbers are estimates; `files.ts` reads all. */
import { describeError, NestlingError } from "../../core/errors.ts";
import type { CorpusChoices, CorpusPreview, FileLook, OwnUse } from "../../protocol/own-data.ts";
import { UNKNOWN, type Tokenizer } from "../tokenizer/types.ts";
import { CsvRecords, lookAtCsv } from "./csv-records.ts";
import { TextDecoding } from "./decode.ts";
import { checkSize, fileBytes, formOf, ingest, type IngestFile } from "./files.ts";
import { claimedSize, isGzip } from "./gzip.ts";
import { JsonlReader } from "./jsonl.ts";
import { MAX_LINE_LENGTH, type RecordSink } from "./types.ts";

const HEAD_BYTES = 1 << 20;
const LF = 0x0a;
/** Characters that tokens are estimated from, of all files together. */
const SAMPLE = 200_000;
const SHOWN = 600;
/** Below this much text a model learns no language from it, above that it needs no other. */
const LITTLE = 200_000;
const PLENTY = 2_000_000;

interface Looked {
  readonly look: FileLook;
  readonly kind: "text" | "chat" | null;
  /** Text of the records in the head, and how many bytes of the file they came from. */
  readonly text: string;
  readonly headBytes: number;
}

export interface PreviewOptions {
  readonly choices?: CorpusChoices;
  readonly tokenizer?: Tokenizer;
  /** Characters a text needs at least, for what is said of an empty one. */
  readonly minCharacters?: number;
}

/** Never throws for a file's sake: what is wrong stands with the file. */
export async function preview(files: readonly IngestFile[], options: PreviewOptions = {}): Promise<CorpusPreview> {
  const looked: Looked[] = [];
  for (const file of files) looked.push(await lookAt(file, options.choices ?? {}, options.minCharacters));
  const kind = looked.some((each) => each.kind === "chat") ? "chat" : "text";
  const looks = await withLack(files, looked.map(({ look }) => look), options);
  const textBytes = looks.reduce((sum, look) => sum + look.textBytes, 0);
  let sample = "";
  let sampledBytes = 0;
  for (const { text, headBytes } of looked) {
    if (text === "" || sample.length >= SAMPLE) continue;
    const part = text.slice(0, SAMPLE - sample.length);
    sample += part;
    sampledBytes += headBytes * (part.length / text.length);
  }
  const ids = options.tokenizer && sample !== "" ? options.tokenizer.encode(sample) : null;
  const { suggested, why } = suggest(kind, textBytes);
  return {
    kind, files: looks, bytes: looks.reduce((sum, { bytes }) => sum + bytes, 0), textBytes, sample: sample.slice(0, SHOWN), suggested, why,
    ...(ids ? { tokens: Math.round((ids.length / sampledBytes) * textBytes), unknownShare: unknownShare(options.tokenizer!, ids) } : {}),
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

/** Share of the characters, 0 to 1, that the tokenizer has no token for: unknown ones, or such as only several tokens of bytes make up. */
export function unknownShare(tokenizer: Tokenizer, ids: Uint32Array): number {
  const unknown = tokenizer.specials.get(UNKNOWN);
  const decoder = tokenizer.streamDecoder();
  let characters = 0;
  let strange = 0;
  let held = false;
  for (const id of ids) {
    if (id === unknown) {
      characters++;
      strange++;
      continue;
    }
    const text = decoder.push(id);
    const count = [...text].length;
    characters += count;
    // The first character that comes out was begun by tokens before.
    if (held && count > 0) strange++;
    held = count === 0;
  }
  return characters === 0 ? 0 : strange / characters;
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
  let look: FileLook = { name: name.slice(0, 200), form, gzip: named, bytes: data.size, textBytes: data.size };
  let text = "";
  try {
    checkSize(name, data.size, { minCharacters });
    const gzip = isGzip(new Uint8Array(await data.slice(0, 2).arrayBuffer()));
    look = { ...look, gzip, textBytes: gzip ? await claimedSize(data) : data.size };
    const { head, whole, read } = await headOf(file, choices);
    text = head;
    if (whole) look = { ...look, textBytes: read };
    const { kind, records, csv } = recordsOf(name, head, whole, choices);
    return { look: csv ? { ...look, csv } : look, kind, text: records, headBytes: read };
  } catch (error) {
    const problem = describeError(error);
    // What a damaged archive says of its size is damaged too.
    if (problem.code === "GZ_CORRUPT") look = { ...look, textBytes: 0 };
    return { look: { ...look, problem }, kind: form === "text" ? "text" : null, text, headBytes: Math.max(1, text.length) };
  }
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

function recordsOf(name: string, head: string, whole: boolean, choices: CorpusChoices): { kind: Looked["kind"]; records: string; csv?: FileLook["csv"] } {
  const { form } = formOf(name);
  if (form === "text") return { kind: "text", records: head };
  const parts: string[] = [];
  let kind: Looked["kind"] = null;
  const sink: RecordSink = {
    text: (piece) => void parts.push(piece), blank: () => undefined,
    endDocument: () => {
      kind = "text";
      parts.push("\n");
    },
    example: ({ messages }) => {
      kind = "chat";
      for (const { content } of messages) parts.push(content, "\n");
    },
  };
  const onProblem = (make: () => NestlingError): void => {
    if (choices.onBad !== "skip") throw make();
  };
  if (form === "jsonl") {
    const reader = new JsonlReader(sink, { name, onProblem });
    reader.push(head);
    // The last line of a head that is not the whole file is cut, and may be too long already.
    if (whole || unended(head) > MAX_LINE_LENGTH) reader.end();
    return { kind, records: parts.join("") };
  }
  const csv = lookAtCsv(head, choices.csv);
  const records = new CsvRecords(sink, csv, { name, onProblem });
  records.push(head);
  if (whole) records.end();
  return { kind, records: parts.join(""), csv };
}
