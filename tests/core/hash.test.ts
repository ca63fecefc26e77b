import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson, crc32c, sha256Hex, sha256Stream } from "../../src/core/hash.ts";

describe("SHA-256", () => {
  it("gives FIPS 180-4's example", () => {
    expect(sha256Hex("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });

  it("equals Node's own on any bytes, whole and in pieces", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, at) => {
        const want = createHash("sha256").update(bytes).digest("hex");
        expect(sha256Hex(bytes)).toBe(want);
        const stream = sha256Stream();
        stream.update(bytes.subarray(0, at));
        stream.update(bytes.subarray(at));
        expect(stream.hex()).toBe(want);
      }),
      { seed: 1 },
    );
  });
});

describe("CRC-32C", () => {
  // RFC 3720, appendix B.4.
  it.each([
    ["32 bytes of zeros", new Uint8Array(32), 0x8a9136aa],
    ["32 bytes of ones", new Uint8Array(32).fill(255), 0x62a8ab43],
    ["32 incrementing bytes", Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ["32 decrementing bytes", Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
  ])("gives the RFC's value for %s", (_, bytes, want) => {
    expect(crc32c(bytes)).toBe(want);
  });

  it("continues from an earlier piece as if it had been one", () => {
    const bytes = new TextEncoder().encode("123456789");
    expect(crc32c(bytes)).toBe(0xe3069283);
    expect(crc32c(bytes.subarray(4), crc32c(bytes.subarray(0, 4)))).toBe(0xe3069283);
  });

  it("changes with any single flipped bit", () => {
    const bytes = Uint8Array.from({ length: 64 }, (_, i) => i * 37);
    const whole = crc32c(bytes);
    for (let bit = 0; bit < 512; bit++) {
      const other = bytes.slice();
      other[bit >> 3]! ^= 1 << (bit & 7);
      expect(crc32c(other)).not.toBe(whole);
    }
  });
});

describe("canonical JSON", () => {
  it("is the same for equal values whatever the order of keys, and leaves undefined out", () => {
    expect(canonicalJson({ b: 1, a: [{ d: null, c: "x" }], e: undefined })).toBe('{"a":[{"c":"x","d":null}],"b":1}');
    expect(canonicalJson({ a: 1, b: 2 })).toBe(canonicalJson({ b: 2, a: 1 }));
    expect(canonicalJson({ a: 1 })).not.toBe(canonicalJson({ a: "1" }));
  });

  it("parses back to the value it was made from", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { seed: 1 },
    );
  });
});
