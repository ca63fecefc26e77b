import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { invalidUtf8At, MAX_OWN_TEXT_BYTES, pastedText, readOwnText } from "../../src/data/corpora/own-text.ts";
import { codeOf, rejectionOf } from "./support.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const named = { name: "notes.txt" };

describe("readOwnText", () => {
  it("reads a file or bytes as text, with line feeds and without a byte order mark", async () => {
    const bytes = utf8("\ufeffone\r\ntwo\rthree\nüñ 漢 🐣");
    expect(await readOwnText(bytes, named)).toEqual({ text: "one\ntwo\nthree\nüñ 漢 🐣", bytes: bytes.length });
    expect((await readOwnText(new Blob([new Uint8Array(bytes)]), named)).text).toBe("one\ntwo\nthree\nüñ 漢 🐣");
  });

  it("refuses an empty file, and one of white space", async () => {
    const error = await rejectionOf(readOwnText(new Blob([]), { ...named, minCharacters: 65 }));
    expect(error.code).toBe("DATA_EMPTY");
    expect(error.message).toContain('"notes.txt" is empty');
    expect(error.message).toContain("65");
    expect((await rejectionOf(readOwnText(utf8(" \n\t\n"), named))).code).toBe("DATA_EMPTY");
    expect((await rejectionOf(readOwnText(utf8("\ufeff"), named))).code).toBe("DATA_EMPTY");
  });

  it("refuses a text shorter than one context, with both counts, and takes one that just fits", async () => {
    expect(await rejectionOf(readOwnText(utf8("x".repeat(64)), { ...named, minCharacters: 65 }))).toMatchObject({ code: "DATA_TOO_SHORT", details: { characters: 64, needed: 65 } });
    expect((await readOwnText(utf8("x".repeat(65)), { ...named, minCharacters: 65 })).text).toHaveLength(65);
  });

  it("names the byte that is not UTF-8 and offers the two remedies, which work", async () => {
    const bytes = Uint8Array.of(...utf8("caf"), 0xc3, ...utf8(" x"));
    const error = await rejectionOf(readOwnText(bytes, named));
    expect(error).toMatchObject({ code: "DATA_UTF8", details: { offset: 3, remedies: ["latin1", "utf-8-replace"] } });
    expect((await readOwnText(bytes, { ...named, encoding: "latin1" })).text).toBe("cafÃ x");
    expect((await readOwnText(bytes, { ...named, encoding: "utf-8-replace" })).text).toBe("caf\ufffd x");
  });

  it("recognises UTF-16 by its mark, and reads it when asked", async () => {
    for (const [encoding, bytes] of [["utf-16le", Uint8Array.of(0xff, 0xfe, 0x68, 0, 0x69, 0)], ["utf-16be", Uint8Array.of(0xfe, 0xff, 0, 0x68, 0, 0x69)]] as const) {
      expect(await rejectionOf(readOwnText(bytes, named))).toMatchObject({ code: "DATA_ENCODING", details: { remedies: [encoding] } });
      expect((await readOwnText(bytes, { ...named, encoding })).text).toBe("hi");
    }
  });

  it.each([
    ["a PNG image", Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)],
    ["a PDF document", utf8("%PDF-1.7 and so on")],
    ["a zip archive", Uint8Array.of(0x50, 0x4b, 3, 4, 20)],
    ["a NUL byte", Uint8Array.of(0x61, 0, 0x62)],
  ])("refuses %s as binary", async (_, bytes) => {
    expect((await rejectionOf(readOwnText(bytes, named))).code).toBe("DATA_BINARY");
  });

  it("refuses a file over the limit before reading it", async () => {
    const huge = { size: MAX_OWN_TEXT_BYTES + 1, arrayBuffer: () => Promise.reject(new Error("was read")) } as unknown as Blob;
    expect(await rejectionOf(readOwnText(huge, named))).toMatchObject({ code: "DATA_TOO_LARGE", details: { size: MAX_OWN_TEXT_BYTES + 1, allowed: MAX_OWN_TEXT_BYTES } });
    expect((await readOwnText(utf8("1234"), { ...named, maxBytes: 4 })).text).toBe("1234");
  });

  it("holds pasted text to the same rules", () => {
    expect(pastedText("a\r\nb", named).text).toBe("a\nb");
    expect(codeOf(() => pastedText("", named))).toBe("DATA_EMPTY");
    expect(codeOf(() => pastedText("a\u0000b", named))).toBe("DATA_BINARY");
  });
});

describe("invalidUtf8At", () => {
  it("finds fault exactly where a fatal TextDecoder does", () => {
    const part = fc.oneof(
      fc.constantFrom([0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe0, 0x80, 0x80], [0xf0, 0x9f, 0x90, 0xa3], [0xe2, 0x82], [0x80], [0xff], [0x61]),
      fc.string({ unit: "binary", maxLength: 2 }).map((text) => [...utf8(text)]),
    );
    fc.assert(fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      const bytes = Uint8Array.from(parts.flat());
      const valid = (upTo: number): boolean => {
        try {
          new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, upTo));
          return true;
        } catch {
          return false;
        }
      };
      const at = invalidUtf8At(bytes);
      // A whole text, or one that is whole up to there and in no way just after.
      const after = [1, 2, 3, 4].map((k) => at + k <= bytes.length && valid(at + k));
      expect(at < 0 ? valid(bytes.length) : valid(at) && !after.includes(true)).toBe(true);
    }), { numRuns: 1000 });
  });
});
