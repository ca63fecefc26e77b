/** What a person's own files are asked and what is said of them: choices in, a look before and a report after. Types only. */
import type { ErrorReport } from "./messages.ts";

/** One dropped, chosen or pasted file: .txt, .md, .csv, .tsv, .jsonl, .ndjson, or one of these with .gz after it. */
export interface OwnFile {
  readonly name: string;
  readonly data: Blob;
}

/** How bytes become characters; "utf-8" (default) refuses what is none, "utf-8-replace" writes U+FFFD for it. */
export type TextEncodingChoice = "utf-8" | "utf-8-replace" | "latin1" | "utf-16le" | "utf-16be";

export interface CsvChoices {
  readonly delimiter?: "," | ";" | "\t";
  /** Whether the first row names the columns; absent: judged from the row itself. */
  readonly header?: boolean;
  /** Zero-based columns. `text`: each row is a document of these, joined by line feeds. `question` and `answer`: each row is an example. */
  readonly columns?: { readonly text: readonly number[] } | { readonly question: number; readonly answer: number };
}

export interface CorpusChoices {
  readonly encoding?: TextEncodingChoice;
  /** A line or row that cannot be read: "stop" (default) keeps nothing, "skip" leaves it out and counts it. */
  readonly onBad?: "stop" | "skip";
  readonly csv?: CsvChoices;
}

export type OwnForm = "text" | "csv" | "jsonl";

/** One file as its first part shows it. */
export interface FileLook {
  readonly name: string;
  readonly form: OwnForm;
  readonly gzip: boolean;
  /** As it lies on disk. */
  readonly bytes: number;
  /** Unpacked; from the archive's own trailer, so only a claim until it is read. */
  readonly textBytes: number;
  readonly csv?: {
    readonly delimiter: "," | ";" | "\t";
    readonly header: boolean;
    /** Names from the header, or "column 1" and so on. */
    readonly columns: readonly string[];
    /** The first rows, each as its fields, cut short. */
    readonly rows: readonly (readonly string[])[];
    /** What is taken unless another choice is made. */
    readonly chosen: NonNullable<CsvChoices["columns"]>;
  };
  /** Running text or conversations, once it is known. */
  readonly kind?: "text" | "chat";
  /** What the first part already shows to be wrong; `details.remedies` names encodings that would read it. */
  readonly problem?: ErrorReport;
}

/** What to do with own data. "finetune" takes a model that is there; the others are pre-training. */
export type OwnUse = "pretrain" | "finetune" | "mixture";

/** A look at files before they are taken in: from at most the first megabyte of each. Numbers but the sizes are estimates. */
export interface CorpusPreview {
  readonly kind: "text" | "chat";
  readonly files: readonly FileLook[];
  readonly bytes: number;
  readonly textBytes: number;
  /** Of the text that is read, without columns or keys that are not: an estimate. */
  readonly characters?: number;
  /** Estimated by the asked-for checkpoint's tokenizer, chat template and all; without conversations that are too long for it. Absent without a checkpoint. */
  readonly tokens?: number;
  /** Share of the text, 0 to 1, that the tokenizer has no token for: unknown characters, or such as only several tokens of bytes make up. */
  readonly unknownShare?: number;
  /** Share of the text, 0 to 1, that tokens and what is unknown were estimated from. */
  readonly sampled?: number;
  /** Conversations looked at, how many of them have more tokens than the checkpoint's context holds, and the tokens of the longest. */
  readonly examples?: { readonly seen: number; readonly tooLong: number; readonly longest: number; readonly context: number };
  readonly sample: string;
  readonly suggested: OwnUse;
  /** Why, as one sentence. */
  readonly why: string;
}

/** What was taken in, to the last byte; it stands with the corpus. */
export interface IngestReport {
  readonly files: readonly string[];
  /** Of the files as they lay on disk. */
  readonly sourceBytes: number;
  /** Documents, or examples of a chat. */
  readonly documents: number;
  /** UTF-16 units of text. */
  readonly characters: number;
  /** Lines, rows or files left out because they could not be read. */
  readonly skipped: number;
  /** The first 20 reasons. */
  readonly problems: readonly ErrorReport[];
  /** Places where U+FFFD was written for wrong bytes. */
  readonly replaced: number;
  /** Blank lines, rows and files passed over. */
  readonly blank: number;
}
