/**
 * Checks JSON text without building anything: where it first breaks the grammar (RFC 8259), nests too deeply, has too many members, or
 * has a key twice in one object. JSON.parse gives no stable position, takes depth as far as the stack goes, and of two equal keys
 * keeps the last silently, so that two readers could see two files. Not a parser: what passes goes to JSON.parse.
 */

/** `index` is the UTF-16 index of the first character that cannot be there. */
export type JsonProblem =
  | { readonly kind: "syntax"; readonly index: number }
  | { readonly kind: "depth"; readonly index: number; readonly allowed: number }
  | { readonly kind: "length"; readonly index: number; readonly allowed: number }
  | { readonly kind: "duplicate"; readonly index: number; readonly key: string };

export interface JsonLimits {
  /** Objects and lists inside each other. */
  readonly depth: number;
  /** Most members of one object, and of one list; absent = any number. What JSON.parse builds of them can be many times the text. */
  readonly keys?: number;
  readonly items?: number;
  /** Whether a key may stand only once in an object, as decoded; absent = no. */
  readonly unique?: boolean;
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const HEX4 = /[0-9a-fA-F]{4}/y;

/** The first problem of the text, or null. Linear in its length. */
export function scanJson(text: string, { depth: maxDepth, keys = Infinity, items = Infinity, unique = false }: JsonLimits): JsonProblem | null {
  let i = 0;
  const stop = (problem: JsonProblem): never => {
    throw problem;
  };
  const fail = (index: number): never => stop({ kind: "syntax", index });
  const space = (): void => {
    while (text[i] === " " || text[i] === "\t" || text[i] === "\n" || text[i] === "\r") i++;
  };
  const word = (letters: string): void => {
    for (const letter of letters) if (text[i] === letter) i++; else fail(i);
  };
  const string = (): void => {
    word('"');
    for (;; i++) {
      const unit = text.charCodeAt(i);
      if (text[i] === '"') return void i++;
      if (text[i] === "\\") {
        i++;
        if (text[i] === "u") {
          HEX4.lastIndex = i + 1;
          if (!HEX4.test(text)) fail(i + 1);
          i += 4;
        } else if (i >= text.length || !'"\\/bfnrt'.includes(text[i])) fail(i);
      } else if (!(unit >= 0x20)) fail(i);
    }
  };
  const number = (): void => {
    NUMBER.lastIndex = i;
    if (NUMBER.test(text)) i = NUMBER.lastIndex;
    else fail(i);
  };
  /** Between the brackets of an object or list. */
  const members = (close: string, allowed: number, member: () => void): void => {
    i++;
    space();
    if (text[i] === close) return void i++;
    for (let count = 1; ; count++) {
      if (count > allowed) stop({ kind: "length", index: i, allowed });
      member();
      space();
      if (text[i] === close) return void i++;
      word(",");
    }
  };
  const object = (depth: number): void => {
    const seen = unique ? new Set<string>() : null;
    members("}", keys, () => {
      space();
      const start = i;
      string();
      if (seen) {
        const key = JSON.parse(text.slice(start, i)) as string;
        if (seen.has(key)) stop({ kind: "duplicate", index: start, key });
        seen.add(key);
      }
      space();
      word(":");
      value(depth + 1);
    });
  };
  const value = (depth: number): void => {
    space();
    const first = text[i];
    if ((first === "{" || first === "[") && depth >= maxDepth) stop({ kind: "depth", index: i, allowed: maxDepth });
    if (first === "{") object(depth);
    else if (first === "[") members("]", items, () => value(depth + 1));
    else if (first === '"') string();
    else if (first === "t") word("true");
    else if (first === "f") word("false");
    else if (first === "n") word("null");
    else number();
  };
  try {
    value(0);
    space();
    if (i < text.length) fail(i);
    return null;
  } catch (problem) {
    if (problem instanceof Error) throw problem;
    return problem as JsonProblem;
  }
}
