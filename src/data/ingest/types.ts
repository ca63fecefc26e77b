/** What the readers of own files share: limits, what they hand on, and how problems are worded. */
import { NestlingError, type ErrorCode } from "../../core/errors.ts";
import type { ChatExample } from "../chat.ts";

/** Largest file read, and largest that an archive may unpack to. */
export const MAX_FILE_BYTES = 8 * 2 ** 30;
/** Longest JSONL line, UTF-16 units. */
export const MAX_LINE_LENGTH = 1 << 20;
/** Longest CSV row, UTF-16 units: an unclosed quote must not swallow a file. */
export const MAX_ROW_LENGTH = 1 << 24;
/** Most fields of a CSV row: a row of separators alone has as many fields as bytes. */
export const MAX_ROW_FIELDS = 1 << 14;

/** A Blob, or anything that streams like one. */
export interface ByteStream {
  readonly size: number;
  stream(): ReadableStream<Uint8Array>;
  slice(start: number, end: number): { arrayBuffer(): Promise<ArrayBuffer> };
}

/** Where readers put what they find. Calls are synchronous; the caller empties it between chunks. */
export interface RecordSink {
  /** Goes on with the current document. */
  text(piece: string): void;
  endDocument(): void;
  example(example: ChatExample): void;
  /** A blank line or row. */
  blank(): void;
}

/** Called for a bad line or row: throws what is made (stop) or counts it (skip). Made only when asked for: a file may have a million, and few are looked at. */
export type OnProblem = (make: () => NestlingError) => void;

/** Takes text in pieces cut anywhere. */
export interface RecordReader {
  push(text: string): void;
  end(): void;
}

/** Names that people chose, short and in quotes. */
export const quoted = (name: string): string => `"${name.slice(0, 80)}"`;

/** A problem of one line, with its number and, where bytes are UTF-8, the byte at which the line begins. */
export function lineProblem(code: ErrorCode, name: string, line: number, what: string, details: Readonly<Record<string, unknown>> = {}): NestlingError {
  // A file may have a million bad lines, and most of an error's cost is its stack trace; these say where in the file, not in the code.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return new NestlingError(code, `${name ? `${quoted(name)}, line` : "Line"} ${line}: ${what}. Nothing was changed; mend it, or skip what cannot be read.`, { ...(name ? { file: name } : {}), line, ...details });
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** Bytes of a text in UTF-8; a lone surrogate counts as the three of U+FFFD. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) bytes++;
    else if (unit >= 0xd800 && unit <= 0xdbff && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      bytes += 2;
      i++;
    } else bytes += 2;
  }
  return bytes;
}
