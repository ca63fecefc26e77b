/**
 * Bytes as characters and text as bytes: GPT-2's printable alphabet for the 256 bytes, and how odd text is shown.
 * Not a tokenizer.
 */

const isPrintable = (byte: number): boolean => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;

/**
 * GPT-2's map from byte to character (Radford et al. 2019, `bytes_to_unicode`): printable Latin-1 bytes stand for
 * themselves, the 68 others for U+0100 onwards in order. Vocabularies of byte-level BPE are written in it.
 */
export const BYTE_TO_CHAR: readonly string[] = (() => {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++));
})();

export const CHAR_TO_BYTE: ReadonlyMap<string, number> = new Map(BYTE_TO_CHAR.map((char, byte) => [char, byte]));

/** Whether a code point hides, reorders or breaks what stands beside it: controls, bidi marks, zero-width, lone surrogates. */
function isHidden(code: number): boolean {
  return (
    code < 0x20 || (code >= 0x7f && code <= 0x9f) || code === 0xad || code === 0x61c || (code >= 0x200b && code <= 0x200f) ||
    (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) || code === 0xfeff || (code >= 0xd800 && code <= 0xdfff)
  );
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Text with every hidden character written as an escape, such as `\n` or `\u{202e}`. For showing, not for parsing back. */
export function visible(text: string): string {
  let out = "";
  for (const char of text) {
    const code = char.codePointAt(0)!;
    out += SHORT_ESCAPES[char] ?? (isHidden(code) ? `\\u{${code.toString(16)}}` : char);
  }
  return out;
}

/** Bytes as visible text: whole UTF-8 sequences as characters, all other bytes as `\xE2`. */
export function visibleBytes(bytes: Uint8Array): string {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let out = "";
  for (let i = 0; i < bytes.length; ) {
    const lead = bytes[i];
    const length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    let char = "";
    try {
      char = decoder.decode(bytes.subarray(i, i + length));
    } catch {
      out += `\\x${lead.toString(16).toUpperCase().padStart(2, "0")}`;
      i++;
      continue;
    }
    out += visible(char);
    i += length;
  }
  return out;
}
