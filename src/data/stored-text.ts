/**
 * Documents as bytes in a file, and back, a piece at a time: UTF-8, and 0xFF (which UTF-8 never has) after each document. Chat examples are
 * JSON lines. It opens no file: writing and reading bytes is the caller's.
 */
import type { ChatExample } from "./chat.ts";
import type { RecordSink } from "./ingest/types.ts";

const DOCUMENT_END = 0xff;
const LINE_FEED = 0x0a;
const BUFFER_BYTES = 1 << 20;
/** UTF-16 units encoded at once: three bytes each at most, so that a fresh buffer always holds them. */
const SLICE = BUFFER_BYTES >> 2;
const READ_BYTES = 1 << 20;

/** Bytes that can be read anywhere without waiting: a file that is open. */
export interface OpenBytes {
  readonly bytes: number;
  /** Fills `into` from byte `start` on; returns how many bytes there were. */
  read(start: number, into: Uint8Array): number;
}

/** Collects records as bytes; `take` gives what is there, so that what is held stays small. */
export class RecordBytes implements RecordSink {
  readonly #utf8 = new TextEncoder();
  #full: Uint8Array<ArrayBuffer>[] = [];
  #buffer = new Uint8Array(BUFFER_BYTES);
  #at = 0;

  /** Bytes waiting to be taken. */
  get waiting(): number {
    return this.#full.reduce((sum, { length }) => sum + length, this.#at);
  }

  take(): Uint8Array<ArrayBuffer>[] {
    const taken = this.#full;
    if (this.#at > 0) taken.push(this.#buffer.subarray(0, this.#at));
    this.#full = [];
    this.#buffer = new Uint8Array(BUFFER_BYTES);
    this.#at = 0;
    return taken;
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= BUFFER_BYTES) return;
    this.#full.push(this.#buffer.subarray(0, this.#at));
    this.#buffer = new Uint8Array(BUFFER_BYTES);
    this.#at = 0;
  }

  #byte(value: number): void {
    this.#room(1);
    this.#buffer[this.#at++] = value;
  }

  text(piece: string): void {
    for (let start = 0; start < piece.length; ) {
      const end = Math.min(piece.length, safeCut(piece, start + SLICE));
      this.#room(3 * (end - start));
      this.#at += this.#utf8.encodeInto(piece.slice(start, end), this.#buffer.subarray(this.#at)).written;
      start = end;
    }
  }

  endDocument(): void {
    this.#byte(DOCUMENT_END);
  }

  example({ messages }: ChatExample): void {
    this.text(JSON.stringify(messages.map(({ role, content }) => [role, content])));
    this.#byte(LINE_FEED);
  }

  blank(): void {
    // Nothing to keep.
  }
}

/** The place at or before `at` that parts no surrogate pair. */
export const safeCut = (text: string, at: number): number =>
  at > 0 && at < text.length && (text.charCodeAt(at) & 0xfc00) === 0xdc00 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800 ? at - 1 : at;

/** A part of a document; `ends` with its last one, whose text may be empty. */
export interface DocumentPiece {
  readonly text: string;
  readonly ends: boolean;
}

export function* readDocuments(file: OpenBytes): Generator<DocumentPiece> {
  const buffer = new Uint8Array(READ_BYTES);
  // A mark at a document's start is text: the file's own was taken off before it was stored.
  let utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  for (let at = 0; at < file.bytes; ) {
    const count = file.read(at, buffer);
    if (count <= 0) return;
    for (let start = 0; start < count; ) {
      const found = buffer.indexOf(DOCUMENT_END, start);
      const ends = found >= 0 && found < count;
      const end = ends ? found : count;
      yield { text: utf8.decode(buffer.subarray(start, end), { stream: !ends }), ends };
      if (ends) utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
      start = ends ? end + 1 : end;
    }
    at += count;
  }
}

export function* readExamples(file: OpenBytes): Generator<ChatExample> {
  let rest = "";
  for (const { text } of readDocuments(file)) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const messages = JSON.parse(line) as [ChatExample["messages"][number]["role"], string][];
      yield { messages: messages.map(([role, content]) => ({ role, content })) };
    }
  }
}
