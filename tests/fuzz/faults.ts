/**
 * What is done to a whole file to make it a hostile one: faults of its JSON (a tree of raw fragments, so that doubled keys, numbers out
 * of range and broken literals can be written) and faults of its bytes. Each fault is plain data that fast-check draws and shrinks.
 */
import fc from "fast-check";

export type Bytes = Uint8Array<ArrayBuffer>;

/** JSON as a tree whose leaves are raw text. */
type Node = { readonly raw: string } | { readonly object: (readonly [key: string, value: Node])[] } | { readonly list: Node[] };

const deep = (open: string, close: string, depth: number): string => open.repeat(depth) + close.repeat(depth);

/** Fragments to put where something else stood: other types, edges of numbers, names that meet prototypes, depth, breaks of the grammar. */
const HOSTILE = [
  "null", "true", "false", "0", "-0", "-1", "1", "1.5", "7", "2147483648", "4294967296", "9007199254740993", "1e308", "1e999", "-1e999", "5e-324", "0.1", "3",
  '""', '"a"', '"__proto__"', '"constructor"', '"toString"', '"\\u0000"', '"\\ud800"', '"\\u202e"', '" "', '"F32"', '"BOOL"', '"gpt2"', '"own:x"', '"1.0"', `"${"x".repeat(600)}"`, `"${"y".repeat(20_000)}"`,
  "[]", "{}", "[null]", "[0, 0]", "[[]]", "[1, 2, 3, 4, 5, 6, 7, 8, 9]", "[4294967296, 4294967296, 4294967296, 4294967296]",
  '{"toString": 1, "valueOf": 1}', '[{"toString": null, "valueOf": null}]', '{"__proto__": {"polluted": true}}', '{"constructor": {"prototype": {"polluted": true}}}', '{"length": 4294967295}', '{"then": 1}',
  '{"a": 1, "a": 2}', deep("[", "]", 40), deep('{"a":', "}", 40).replace(/\{"a":\}/, "{}"), deep("[", "]", 20_000),
  "", "NaN", "undefined", "01", "'a'", "[1,]", '{"a":}', "\u00e9", "/**/0", '"unclosed', "\\", "\ufeff",
] as const;
const KEYS = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "length", "", "then", "a", "\u0000", "\ud800", "__metadata__", "x".repeat(600)] as const;

export const jsonFault = fc.record({
  part: fc.nat(), at: fc.nat(), other: fc.nat(),
  kind: fc.constantFrom("replace", "replace", "replace", "replace", "delete", "double", "rename", "add", "wrap", "copy", "swap"),
});
type JsonFault = typeof jsonFault extends fc.Arbitrary<infer T> ? T : never;

function toNode(value: unknown): Node {
  if (Array.isArray(value)) return { list: value.map(toNode) };
  if (value !== null && typeof value === "object") return { object: Object.entries(value).map(([key, member]) => [key, toNode(member)] as const) };
  return { raw: JSON.stringify(value) };
}

function write(node: Node): string {
  if ("raw" in node) return node.raw;
  if ("list" in node) return `[${node.list.map(write).join(",")}]`;
  return `{${node.object.map(([key, value]) => `${JSON.stringify(key)}:${write(value)}`).join(",")}}`;
}

/** Where a node stands in its parent. */
interface Place {
  readonly node: Node;
  put(node: Node): void;
  remove(): void;
  /** Names the member anew, or stands it there once more under this name. */
  member(key: string, again: boolean): void;
}

/** At most so many places of one tree are looked at: a vocabulary has thousands that are alike. */
const MOST_PLACES = 600;

function placesOf(root: { node: Node }): Place[] {
  const places: Place[] = [{ node: root.node, put: (node) => void (root.node = node), remove: () => void (root.node = { raw: "" }), member: () => undefined }];
  for (let i = 0; i < places.length && places.length < MOST_PLACES; i++) {
    const { node } = places[i]!;
    if ("list" in node) {
      const { list } = node;
      list.forEach((child, c) => places.push({ node: child, put: (other) => void (list[c] = other), remove: () => void list.splice(c, 1), member: () => void list.push(child) }));
    } else if ("object" in node) {
      const { object } = node;
      object.forEach(([key, child], c) => places.push({
        node: child, put: (other) => void (object[c] = [key, other]), remove: () => void object.splice(c, 1),
        member: (name, again) => void (again ? object.push([name || key, child]) : (object[c] = [name, child])),
      }));
    }
  }
  return places;
}

function applyJson(parts: { node: Node }[], { part, at, other, kind }: JsonFault): void {
  const root = parts[part % parts.length]!;
  const places = placesOf(root);
  const place = places[at % places.length]!;
  const hostile: Node = { raw: HOSTILE[other % HOSTILE.length]! };
  const key = KEYS[other % KEYS.length]!;
  if (kind === "replace") place.put(hostile);
  else if (kind === "delete") place.remove();
  else if (kind === "double") place.member("", true);
  else if (kind === "rename") place.member(key, false);
  else if (kind === "copy") place.put(places[other % places.length]!.node);
  else if (kind === "wrap") place.put(other % 2 === 0 ? { list: [place.node] } : { object: [[key, place.node]] });
  else if (kind === "add") {
    if ("list" in place.node) place.node.list.push(hostile);
    else if ("object" in place.node) place.node.object.push([key, hostile]);
    else place.put(hostile);
  } else {
    // Both copied first: one may hold the other.
    const second = places[other % places.length]!;
    const [a, b] = [write(place.node), write(second.node)];
    place.put({ raw: b });
    second.put({ raw: a });
  }
}

/** The JSON of a file after faults, each part as text. A tree that a copy made endless is cut by its depth. */
export function faultyJson(values: readonly unknown[], faults: readonly JsonFault[]): string[] {
  const parts = values.map((value) => ({ node: toNode(value) }));
  // A copied node is shared, and a fault under it would make a ring: each fault works on a tree of its own.
  for (const fault of parts.length > 0 ? faults : []) {
    applyJson(parts, fault);
    for (const part of parts) part.node = unshared(part.node, 0);
  }
  return parts.map(({ node }) => write(node));
}

function unshared(node: Node, depth: number): Node {
  if (depth > 100) return { raw: "null" };
  if ("list" in node) return { list: node.list.map((child) => unshared(child, depth + 1)) };
  if ("object" in node) return { object: node.object.map(([key, child]) => [key, unshared(child, depth + 1)] as const) };
  return node;
}

const WORDS = [0, 1, 7, 8, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 0x3fffffff, 0x04034b50, 0x40000000] as const;

export const byteFault = fc.record({
  at: fc.nat(), other: fc.nat(), length: fc.nat({ max: 64 }),
  kind: fc.constantFrom("flip", "set", "cut", "drop", "grow", "repeat", "move", "token", "token", "word", "field", "field"),
});
export type ByteFault = typeof byteFault extends fc.Arbitrary<infer T> ? T : never;

/** How a format's bytes are attacked where it hurts. */
export interface Weak {
  /** Strings that mean something in it. */
  readonly tokens?: readonly string[];
  /** Offsets of its lengths, sizes and checksums. */
  readonly fields?: (bytes: Uint8Array) => readonly number[];
}

const splice = (bytes: Uint8Array, from: number, to: number, put: Uint8Array): Bytes => {
  const out = new Uint8Array(bytes.length - (to - from) + put.length);
  out.set(bytes.subarray(0, from));
  out.set(put, from);
  out.set(bytes.subarray(to), from + put.length);
  return out;
};

function setWord(bytes: Bytes, at: number, other: number): Bytes {
  const width = [1, 2, 4, 8][other % 4]!;
  if (at < 0 || at + width > bytes.length) return bytes;
  const view = new DataView(bytes.buffer);
  const word = WORDS[(other >> 2) % WORDS.length]!;
  if (width === 1) view.setUint8(at, word & 0xff);
  else if (width === 2) view.setUint16(at, word & 0xffff, true);
  else if (width === 4) view.setUint32(at, word, true);
  else view.setBigUint64(at, other % 3 === 0 ? (1n << 63n) + BigInt(word) : BigInt(word), true);
  return bytes;
}

/** Longest file that a fault makes: doubling must not pile up. */
const MOST_BYTES = 1 << 20;

export function faultyBytes(bytes: Uint8Array, { at: place, other, length, kind }: ByteFault, weak: Weak): Bytes {
  const out = new Uint8Array(bytes);
  const at = bytes.length === 0 ? 0 : place % bytes.length;
  const end = Math.min(bytes.length, at + length);
  switch (kind) {
    case "flip":
      if (out.length > 0) out[at]! ^= 1 << (other % 8);
      return out;
    case "set":
      if (out.length > 0) out[at] = [0, 0x80, 0xff, 0xfe, 0x0a, 0x0d, 0x22, 0x5c, 0xc0, 0xed][other % 10]!;
      return out;
    case "cut": return out.slice(0, at);
    case "drop": return splice(out, at, end, new Uint8Array(0));
    case "grow": return splice(out, out.length, out.length, new Uint8Array(1 + length).fill(other % 256));
    case "repeat": {
      const piece = out.slice(at, end);
      const times = Math.min(1 + (other % 4096), Math.floor(MOST_BYTES / Math.max(1, piece.length)));
      const many = new Uint8Array(piece.length * times);
      for (let i = 0; i < times; i++) many.set(piece, i * piece.length);
      return out.length + many.length > MOST_BYTES ? out : splice(out, end, end, many);
    }
    case "move": return splice(out, other % (out.length + 1), other % (out.length + 1), out.slice(at, end));
    case "token": {
      const tokens = weak.tokens ?? ["\u0000", "\n", '"'];
      const put = new TextEncoder().encode(tokens[other % tokens.length]);
      return splice(out, at, length % 2 === 0 ? at : Math.min(out.length, at + put.length), put);
    }
    case "word": return setWord(out, at, other);
    default: {
      const fields = weak.fields?.(out) ?? [];
      return fields.length === 0 ? setWord(out, at, other) : setWord(out, fields[place % fields.length]!, other);
    }
  }
}
