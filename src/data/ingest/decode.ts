/**
 * Bytes as text, chunk by chunk, or a typed error that says at which byte and what to do. It never guesses an encoding: other
 * readings are offered in the error's `remedies` and taken only when asked for.
 */
import { NestlingError } from "../../core/errors.ts";
import type { TextEncodingChoice } from "../../protocol/own-data.ts";
import { quoted } from "./types.ts";

/** First bytes of kinds of files that people drop by mistake. */
const MAGIC: readonly (readonly [string, string])[] = [
  ["\x89PNG", "a PNG image"], ["\xff\xd8\xff", "a JPEG image"], ["GIF8", "a GIF image"], ["%PDF-", "a PDF document"],
  ["PK\x03\x04", "a zip archive or an office document"], ["\x1f\x8b", "a gzip archive inside another"], ["{\\rtf", "an RTF document"], ["\xd0\xcf\x11\xe0", "an old office document"],
];
const HEAD_BYTES = 8;
/** Pairs of bytes that tell UTF-16, and fewest that do. */
const JUDGED_PAIRS = 512;
const FEWEST_PAIRS = 4;

export class TextDecoding {
  /** Places where U+FFFD was written, with "utf-8-replace". */
  replaced = 0;
  /** Bytes of a UTF-8 byte order mark at the start. */
  bomBytes = 0;
  #offset = 0;
  #carry: Uint8Array = new Uint8Array(0);
  #begun = false;
  readonly #decoder: TextDecoder;

  constructor(readonly name: string, readonly encoding: TextEncodingChoice = "utf-8") {
    this.#decoder = encoding === "utf-8" ? new TextDecoder("utf-8", { fatal: true }) : new TextDecoder(encoding === "utf-8-replace" ? "utf-8" : encoding);
  }

  /** @throws NestlingError DATA_ENCODING, DATA_BINARY, DATA_UTF8 */
  push(chunk: Uint8Array): string {
    return this.#take(joined(this.#carry, chunk), false);
  }

  end(): string {
    return this.#take(this.#carry, true);
  }

  #take(bytes: Uint8Array, last: boolean): string {
    if (!this.#begun) {
      if (bytes.length < HEAD_BYTES && !last) {
        this.#carry = bytes.slice();
        return "";
      }
      this.#begun = true;
      this.#checkHead(bytes);
    }
    if (this.encoding === "utf-16le" || this.encoding === "utf-16be") {
      const text = this.#decode(bytes, last);
      if (text.includes("\0")) throw this.#binary(`read as UTF-16 it has the character NUL before byte ${this.#offset}, and text has none`, { offset: this.#offset });
      return text;
    }
    const zero = bytes.indexOf(0);
    const utf16 = zero >= 0 && this.#offset === 0 ? unmarkedUtf16(bytes) : null;
    if (utf16 !== null) {
      throw new NestlingError("DATA_BINARY", `${quoted(this.name)} looks like UTF-16 without a byte order mark (a zero at every other byte, the first at byte ${zero}), and is not read as UTF-8. ` +
        "Nothing was changed. Save it as UTF-8, or open it as UTF-16.", { file: this.name, offset: zero, remedies: [utf16] });
    }
    if (zero >= 0) throw this.#binary(`byte ${this.#offset + zero} is NUL, and text has none`, { offset: this.#offset + zero });
    return this.#decode(bytes, last);
  }

  #decode(bytes: Uint8Array, last: boolean): string {
    // Only whole sequences go on, so that a fault's place is known whichever chunk it fell into.
    const whole = this.encoding === "utf-8" && !last ? wholeSequences(bytes) : bytes.length;
    this.#carry = bytes.slice(whole);
    const part = bytes.subarray(0, whole);
    let text: string;
    try {
      text = this.#decoder.decode(part, { stream: !last });
    } catch {
      const at = Math.max(0, invalidUtf8At(part));
      throw new NestlingError("DATA_UTF8", `${quoted(this.name)} is not UTF-8: byte ${this.#offset + at} (0x${(part[at] ?? 0).toString(16).padStart(2, "0")}) cannot stand there. ` +
        "Nothing was changed. Save it as UTF-8, or open it as Latin-1, or with each wrong byte replaced.", { file: this.name, offset: this.#offset + at, remedies: ["latin1", "utf-8-replace"] });
    }
    if (this.encoding === "utf-8-replace") for (let i = text.indexOf("\ufffd"); i >= 0; i = text.indexOf("\ufffd", i + 1)) this.replaced++;
    this.#offset += whole;
    return text;
  }

  #checkHead(bytes: Uint8Array): void {
    const mark = (...wanted: number[]): boolean => wanted.every((byte, i) => bytes[i] === byte);
    // The mark of little-endian UTF-32 begins like that of UTF-16.
    if (mark(0xff, 0xfe, 0, 0) || mark(0, 0, 0xfe, 0xff)) {
      throw new NestlingError("DATA_ENCODING", `${quoted(this.name)} is UTF-32 by its byte order mark, which is not read. Nothing was changed. Save it as UTF-8.`, { file: this.name });
    }
    const utf16 = bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : bytes[0] === 0xfe && bytes[1] === 0xff ? "utf-16be" : null;
    if (utf16 !== null && utf16 !== this.encoding) {
      throw new NestlingError("DATA_ENCODING", `${quoted(this.name)} looks like UTF-16 (byte order mark ${bytes[0].toString(16)} ${bytes[1].toString(16)}); only UTF-8 is read as it is. ` +
        "Nothing was changed. Open it as UTF-16, or save it as UTF-8.", { file: this.name, remedies: [utf16] });
    }
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.bomBytes = 3;
    const known = MAGIC.find(([magic]) => [...magic].every((char, i) => bytes[i] === char.charCodeAt(0)));
    if (known) throw this.#binary(`it begins like ${known[1]}`, { looksLike: known[1] });
  }

  #binary(why: string, details: Record<string, unknown>): NestlingError {
    return new NestlingError("DATA_BINARY", `${quoted(this.name)} is not text: ${why}. Nothing was changed. Choose a plain text, Markdown, CSV or JSONL file, or one of these as .gz.`, { file: this.name, ...details });
  }
}

/** Which UTF-16 a text's first bytes are: most of one place in their pairs are zero, as with Latin letters, and none of the other. */
function unmarkedUtf16(bytes: Uint8Array): "utf-16le" | "utf-16be" | null {
  const pairs = Math.min(JUDGED_PAIRS, bytes.length >> 1);
  const zeros = [0, 0];
  for (let i = 0; i < 2 * pairs; i++) if (bytes[i] === 0) zeros[i & 1]++;
  const [first, second] = zeros;
  if (pairs < FEWEST_PAIRS || Math.min(first, second) > 0 || Math.max(first, second) * 2 < pairs) return null;
  return first === 0 ? "utf-16le" : "utf-16be";
}

/** Line ends as \n, over pieces cut anywhere. */
export class LineEnds {
  #held = false;

  push(text: string): string {
    let out = this.#held ? `\r${text}` : text;
    this.#held = out.endsWith("\r");
    if (this.#held) out = out.slice(0, -1);
    return out.includes("\r") ? out.replace(/\r\n?/g, "\n") : out;
  }

  end(): string {
    const out = this.#held ? "\n" : "";
    this.#held = false;
    return out;
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b;
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** Bytes a UTF-8 sequence has by its first; 0 for a byte that begins none. */
const sequenceLength = (lead: number): number => (lead < 0x80 ? 1 : lead >= 0xc2 && lead <= 0xdf ? 2 : lead >= 0xe0 && lead <= 0xef ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0);

/** Length without a sequence that the end cuts through. */
function wholeSequences(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back];
    if ((byte & 0xc0) === 0x80) continue;
    return sequenceLength(byte) > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

/** Index of the first byte that breaks UTF-8 (Unicode 15, table 3-7), or -1. An incomplete sequence is reported at its first byte. */
export function invalidUtf8At(bytes: Uint8Array): number {
  for (let i = 0; i < bytes.length; ) {
    const lead = bytes[i];
    if (lead < 0x80) {
      i++;
      continue;
    }
    const length = sequenceLength(lead);
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
