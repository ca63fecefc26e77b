/**
 * A look at JSON text before JSON.parse sees it: nesting depth, and keys that occur twice in one object (JSON.parse keeps the
 * last one silently, so two readers could see two files). It does not validate the grammar; JSON.parse does that after it.
 */

export type JsonProblem = { readonly kind: "depth"; readonly depth: number } | { readonly kind: "duplicate"; readonly key: string } | { readonly kind: "syntax" } | { readonly kind: "length"; readonly allowed: number };

/** Most members that one object, and one list, may have: what JSON.parse builds from a text can be many times its size. */
export interface JsonLengths {
  readonly keys: number;
  readonly items: number;
}

/** The first problem of the text, or null. Linear in its length; keys are compared as decoded. */
export function scanJson(text: string, maxDepth: number, most: JsonLengths = { keys: Infinity, items: Infinity }): JsonProblem | null {
  const objects: (Set<string> | null)[] = [];
  const commas: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const c = text.charCodeAt(at);
    if (c === 0x7b || c === 0x5b) {
      objects.push(c === 0x7b ? new Set() : null);
      commas.push(0);
      if (objects.length > maxDepth) return { kind: "depth", depth: objects.length };
    } else if (c === 0x7d || c === 0x5d) {
      if (objects.length === 0) return { kind: "syntax" };
      objects.pop();
      commas.pop();
    } else if (c === 0x2c && commas.length > 0) {
      const allowed = objects.at(-1) ? most.keys : most.items;
      if (++commas[commas.length - 1] >= allowed) return { kind: "length", allowed };
    } else if (c === 0x22) {
      const end = stringEnd(text, at);
      if (end < 0) return { kind: "syntax" };
      const keys = objects.at(-1);
      if (keys && text.charCodeAt(skipSpace(text, end)) === 0x3a) {
        const key = decodeKey(text.slice(at, end));
        if (key === null) return { kind: "syntax" };
        if (keys.has(key)) return { kind: "duplicate", key };
        keys.add(key);
      }
      at = end - 1;
    }
  }
  return null;
}

/** The index after the closing quote, or -1. */
function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const c = text.charCodeAt(at);
    if (c === 0x5c) at++;
    else if (c === 0x22) return at + 1;
  }
  return -1;
}

function skipSpace(text: string, start: number): number {
  let at = start;
  while (at < text.length && " \t\r\n".includes(text[at]!)) at++;
  return at;
}

function decodeKey(quoted: string): string | null {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return null;
  }
}
