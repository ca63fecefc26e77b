import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { invalidUtf8At, LineEnds, TextDecoding } from "../../../src/data/ingest/decode.ts";
import type { TextEncodingChoice } from "../../../src/protocol/own-data.ts";
import { remediesOf } from "../../../src/ui/data/data-words.ts";
import { errorOf, utf8 } from "../support.ts";

/** Decodes in pieces of the given sizes, then the rest. */
function decoded(bytes: Uint8Array, encoding: TextEncodingChoice = "utf-8", sizes: readonly number[] = []): string {
  const decoding = new TextDecoding("notes.txt", encoding);
  let text = "";
  let at = 0;
  for (const size of sizes) {
    text += decoding.push(bytes.slice(at, at + size));
    at += size;
  }
  return text + decoding.push(bytes.slice(at)) + decoding.end();
}

describe("TextDecoding", () => {
  it("gives the text whatever the pieces, without its byte order mark", () => {
    fc.assert(fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }), fc.array(fc.nat(5), { maxLength: 40 }), (text, sizes) => {
      fc.pre(!text.includes("\u0000") && !text.includes("\ufeff"));
      expect(decoded(utf8(`x\u00e9 ${text}`), "utf-8", sizes)).toBe(`x\u00e9 ${text}`);
      expect(decoded(utf8(`\ufeffx\u00e9 ${text}`), "utf-8", sizes)).toBe(`x\u00e9 ${text}`);
    }));
  });

  it("names the byte that is not UTF-8 across pieces, and offers the two remedies, which work", () => {
    const bytes = Uint8Array.of(...utf8("caf\u00e9 and more "), 0xc3, ...utf8(" x"));
    const at = utf8("caf\u00e9 and more ").length;
    for (const sizes of [[], [at], [at + 1], [4, 9, 4], [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]]) {
      const error = errorOf(() => decoded(bytes, "utf-8", sizes));
      expect(error).toMatchObject({ code: "DATA_UTF8", details: { offset: at, remedies: ["latin1", "utf-8-replace"] } });
      expect(error.message).toContain(`byte ${at} (0xc3)`);
    }
    expect(errorOf(() => decoded(Uint8Array.of(...utf8("at the end "), 0xc3)))).toMatchObject({ code: "DATA_UTF8", details: { offset: 11 } });
    expect(decoded(Uint8Array.of(...utf8("caf"), 0xe9), "latin1")).toBe("caf\u00e9");
    const replacing = new TextDecoding("notes.txt", "utf-8-replace");
    expect(replacing.push(bytes) + replacing.end()).toBe("caf\u00e9 and more \ufffd x");
    expect(replacing.replaced).toBe(1);
  });

  it("tells UTF-32 by its mark, offers nothing that would misread it, and takes no NUL for text in UTF-16", () => {
    for (const bytes of [[0xff, 0xfe, 0, 0, 0x41, 0, 0, 0], [0, 0, 0xfe, 0xff, 0, 0, 0, 0x41]]) {
      for (const encoding of ["utf-8", "utf-16le", "utf-16be"] as const) {
        const error = errorOf(() => decoded(Uint8Array.from(bytes), encoding));
        expect(error).toMatchObject({ code: "DATA_ENCODING", message: expect.stringMatching(/is UTF-32.*Save it as UTF-8/) });
        expect(remediesOf({ code: error.code, message: error.message, details: error.details })).toEqual([]);
      }
    }
    const unmarked = Uint8Array.from([..."A tale"].flatMap((letter) => [letter.charCodeAt(0), 0, 0, 0]));
    expect(errorOf(() => decoded(unmarked, "utf-16le"))).toMatchObject({ code: "DATA_BINARY", message: expect.stringMatching(/read as UTF-16 it has the character NUL/) });
  });

  it("recognises UTF-16 by its mark, and reads it when asked", () => {
    const of = (...units: number[]): Uint8Array => Uint8Array.from(units);
    for (const [encoding, bytes] of [["utf-16le", of(0xff, 0xfe, 0x68, 0, 0x69, 0)], ["utf-16be", of(0xfe, 0xff, 0, 0x68, 0, 0x69)]] as const) {
      expect(errorOf(() => decoded(bytes))).toMatchObject({ code: "DATA_ENCODING", details: { remedies: [encoding] } });
      expect(decoded(bytes, encoding)).toBe("hi");
      expect(decoded(bytes, encoding, [3, 2])).toBe("hi");
    }
  });

  it.each([
    ["a PNG image", Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a), "a PNG image"],
    ["a PDF document", utf8("%PDF-1.7 and so on"), "a PDF document"],
    ["a zip archive", Uint8Array.of(0x50, 0x4b, 3, 4, 20), "a zip archive"],
    ["a NUL byte", Uint8Array.of(0x61, 0, 0x62), "byte 1 is NUL"],
    ["a NUL byte in a later piece", Uint8Array.of(...utf8("twelve bytes"), 0), "byte 12 is NUL"],
  ])("refuses %s as binary", (_, bytes, why) => {
    for (const encoding of ["utf-8", "latin1"] as const) {
      const error = errorOf(() => decoded(bytes, encoding, [9]));
      expect(error.code).toBe("DATA_BINARY");
      expect(error.message).toContain(why);
    }
  });
});

describe("UTF-16 without a mark", () => {
  it("is named by its zeros at every other byte, with the reading that works, and other zeros are not", () => {
    for (const [encoding, first] of [["utf-16le", 0], ["utf-16be", 1]] as const) {
      const units = [..."the fox \u2013 and the hen"].map((char) => char.charCodeAt(0));
      const bytes = Uint8Array.from(units.flatMap((unit) => (first === 0 ? [unit & 255, unit >> 8] : [unit >> 8, unit & 255])));
      for (const sizes of [[], [3, 3, 3]]) {
        const error = errorOf(() => decoded(bytes, "utf-8", sizes));
        expect(error).toMatchObject({ code: "DATA_BINARY", details: { remedies: [encoding] } });
        expect(error.message).toMatch(/UTF-16 without a byte order mark.*zero at every other byte.*[Ss]ave it as UTF-8/);
      }
      expect(decoded(bytes, encoding)).toBe("the fox \u2013 and the hen");
    }
    for (const bytes of [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [1, 0, 2, 3, 4, 5, 6, 7, 8, 9], [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]]) {
      expect(errorOf(() => decoded(Uint8Array.from(bytes))).details["remedies"]).toBeUndefined();
    }
  });
});

describe("LineEnds", () => {
  it("makes every line end a line feed, whatever the pieces", () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom("a", "\r", "\n"), maxLength: 12 }), fc.array(fc.nat(3), { maxLength: 12 }), (text, sizes) => {
      const ends = new LineEnds();
      let out = "";
      let at = 0;
      for (const size of sizes) {
        out += ends.push(text.slice(at, at + size));
        at += size;
      }
      expect(out + ends.push(text.slice(at)) + ends.end()).toBe(text.replace(/\r\n?/g, "\n"));
    }));
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
