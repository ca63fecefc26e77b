/** The scan of JSON agrees with JSON.parse about the grammar, and names what JSON.parse takes silently. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scanJson } from "../../src/core/json-scan.ts";

describe("scanJson", () => {
  const accepts = (text: string): boolean => {
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  };

  it("accepts every JSON text that JSON.parse accepts", () => {
    fc.assert(fc.property(fc.json({ maxDepth: 5 }), (text) => {
      expect(scanJson(text, { depth: 32 })).toBeNull();
    }));
  });

  it("agrees with JSON.parse on texts damaged at one place", () => {
    fc.assert(fc.property(fc.json({ maxDepth: 4 }), fc.nat(), fc.constantFrom("", '"', "\\", "{", "]", ",", "0", "-", "\u0001", "e", ".", "\\u12", "tru"), (text, at, put) => {
      const i = at % (text.length + 1);
      const damaged = text.slice(0, i) + put + text.slice(i + 1);
      expect(scanJson(damaged, { depth: 32 }) === null).toBe(accepts(damaged));
    }), { numRuns: 2000 });
  });

  it.each([
    ["a list too deep", "[[[1]]]", { depth: 2 }, { kind: "depth", index: 2, allowed: 2 }],
    ["a key too many", '{"a":1,"b":2}', { depth: 2, keys: 1 }, { kind: "length", index: 7, allowed: 1 }],
    ["an item too many", "[1,2,3]", { depth: 2, items: 2 }, { kind: "length", index: 5, allowed: 2 }],
    ["a key twice, once in escapes", String.raw`{"a":1,"\u0061":2}`, { depth: 2, unique: true }, { kind: "duplicate", index: 7, key: "a" }],
    ["an unclosed list", "[1", { depth: 2 }, { kind: "syntax", index: 2 }],
  ])("names %s", (_what, text, limits, problem) => {
    expect(scanJson(text, limits)).toEqual(problem);
  });

  it("takes a key in two objects, and one that is a value too", () => {
    expect(scanJson('{"a":{"a":"a"},"b":[{"a":1},{"a":2}]}', { depth: 4, unique: true })).toBeNull();
  });
});
