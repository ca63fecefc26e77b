/**
 * A person's own .txt or .md file as text, or a typed error that says why not and what to do. It never guesses an encoding:
 * the other readings are offered in the message and taken only when asked for.
 */
import { NestlingError } from "../../core/errors.ts";

export const MAX_OWN_TEXT_BYTES = 64 * 2 ** 20;

export interface OwnTextOptions {
  /** Shown in messages. */
  readonly name: string;
  /** Characters needed at least: one context and the token after it (block_size + 1). A token is never shorter than one. */
  readonly minCharacters?: number;
  readonly maxBytes?: number;
  /** How bytes are read; "utf-8" (default) refuses what is none. */
  readonly encoding?: "utf-8" | "utf-8-replace" | "latin1" | "utf-16le" | "utf-16be";
}

export interface OwnText {
  /** Line ends are \n; a byte order mark is gone. */
  readonly text: string;
  readonly bytes: number;
}

/** @throws NestlingError DATA_TOO_LARGE (before reading), DATA_EMPTY, DATA_ENCODING, DATA_BINARY, DATA_UTF8, DATA_TOO_SHORT */
export async function readOwnText(data: Blob | Uint8Array, options: OwnTextOptions): Promise<OwnText> {
  const size = data instanceof Uint8Array ? data.length : data.size;
  checkSize(size, options);
  return decodeOwnText(data instanceof Uint8Array ? data : new Uint8Array(await data.arrayBuffer()), options);
}

/** Text that was pasted: the same limits and line ends. */
export function pastedText(text: string, options: OwnTextOptions): OwnText {
  const bytes = new TextEncoder().encode(text);
  checkSize(bytes.length, options);
  return decodeOwnText(bytes, options);
}

const quoted = (name: string): string => `"${name.slice(0, 80)}"`;

function checkSize(size: number, { name, maxBytes = MAX_OWN_TEXT_BYTES, minCharacters = 2 }: OwnTextOptions): void {
  if (size === 0) {
    throw new NestlingError("DATA_EMPTY", `${quoted(name)} is empty (0 bytes); at least ${minCharacters} tokens are needed. Choose another file.`, { needed: minCharacters });
  }
  if (size > maxBytes) {
    throw new NestlingError("DATA_TOO_LARGE", `${quoted(name)} has ${size} bytes; at most ${maxBytes} are read. It was not opened. ` +
      "Cut a part out of it: a model of this size learns from far less.", { size, allowed: maxBytes });
  }
}

/** First bytes of kinds of files that people drop by mistake. */
const MAGIC: readonly (readonly [string, string])[] = [
  ["\x89PNG", "a PNG image"], ["\xff\xd8\xff", "a JPEG image"], ["GIF8", "a GIF image"], ["%PDF-", "a PDF document"],
  ["PK\x03\x04", "a zip archive or an office document"], ["\x1f\x8b", "a gzip archive"], ["{\\rtf", "an RTF document"], ["\xd0\xcf\x11\xe0", "an old office document"],
];

function decodeOwnText(bytes: Uint8Array, options: OwnTextOptions): OwnText {
  const { name, encoding = "utf-8", minCharacters = 2 } = options;
  if (encoding === "utf-8" || encoding === "utf-8-replace") {
    refuseUtf16(bytes, name);
    refuseBinary(bytes, name);
    const wrong = encoding === "utf-8" ? invalidUtf8At(bytes) : -1;
    if (wrong >= 0) {
      throw new NestlingError("DATA_UTF8", `${quoted(name)} is not UTF-8: byte ${wrong} (0x${bytes[wrong].toString(16).padStart(2, "0")}) of ${bytes.length} cannot stand there. ` +
        "Nothing was changed. Save it as UTF-8, or open it as Latin-1, or with each wrong byte replaced.", { offset: wrong, bytes: bytes.length, remedies: ["latin1", "utf-8-replace"] });
    }
  }
  const decoded = new TextDecoder(encoding === "utf-8-replace" ? "utf-8" : encoding).decode(bytes);
  const text = decoded.replace(/\r\n?/g, "\n");
  if (text.trim() === "") {
    throw new NestlingError("DATA_EMPTY", `${quoted(name)} holds only white space (${text.length} characters); at least ${minCharacters} tokens are needed. Choose another file.`, { needed: minCharacters });
  }
  if (text.length < minCharacters) {
    throw new NestlingError("DATA_TOO_SHORT", `${quoted(name)} has ${text.length} characters; at least ${minCharacters} tokens are needed (one context and the token after it). ` +
      "Use a longer text, or a smaller block_size.", { characters: text.length, needed: minCharacters });
  }
  return { text, bytes: bytes.length };
}

function refuseUtf16(bytes: Uint8Array, name: string): void {
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : bytes[0] === 0xfe && bytes[1] === 0xff ? "utf-16be" : null;
  if (encoding === null) return;
  throw new NestlingError("DATA_ENCODING", `${quoted(name)} looks like UTF-16 (byte order mark ${bytes[0].toString(16)} ${bytes[1].toString(16)}); only UTF-8 is read as it is. ` +
    "Nothing was changed. Convert it, or open it as UTF-16.", { remedies: [encoding] });
}

function refuseBinary(bytes: Uint8Array, name: string): void {
  const known = MAGIC.find(([magic]) => [...magic].every((char, i) => bytes[i] === char.charCodeAt(0)));
  const zero = bytes.indexOf(0);
  if (!known && zero < 0) return;
  throw new NestlingError("DATA_BINARY", `${quoted(name)} is not text: ${known ? `it begins like ${known[1]}` : `byte ${zero} of ${bytes.length} is NUL, and text has 0 of them`}. ` +
    "Nothing was changed. Choose a plain text or Markdown file.", known ? { looksLike: known[1] } : { offset: zero });
}

/** Index of the first byte that breaks UTF-8 (Unicode 15, table 3-7), or -1. An incomplete sequence is reported at its first byte. */
export function invalidUtf8At(bytes: Uint8Array): number {
  for (let i = 0; i < bytes.length; ) {
    const lead = bytes[i];
    if (lead < 0x80) {
      i++;
      continue;
    }
    const length = lead >= 0xc2 && lead <= 0xdf ? 2 : lead >= 0xe0 && lead <= 0xef ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
    if (length === 0 || i + length > bytes.length) return i;
    // The second byte also rules out overlong forms, surrogates and what lies beyond U+10FFFF.
    const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (bytes[i + 1] < low || bytes[i + 1] > high) return i;
    for (let k = 2; k < length; k++) if (bytes[i + k] < 0x80 || bytes[i + k] > 0xbf) return i;
    i += length;
  }
  return -1;
}
