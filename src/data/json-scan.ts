/**
 * Checks JSON text without building anything: where it first breaks the grammar (RFC 8259), or nests too deeply. JSON.parse
 * gives no stable position, and takes depth as far as the stack goes. Not a parser: what passes goes to JSON.parse.
 */

export interface JsonProblem {
  readonly kind: "syntax" | "depth" | "length";
  /** UTF-16 index of the first character that cannot be there. */
  readonly index: number;
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const HEX4 = /[0-9a-fA-F]{4}/y;

/**
 * The first problem, or null.
 * @param maxDepth objects and lists inside each other
 * @param maxMembers of one object or list; what JSON.parse builds from them can be many times the text
 */
export function scanJson(text: string, maxDepth: number, maxMembers = Infinity): JsonProblem | null {
  let i = 0;
  const fail = (index: number, kind: JsonProblem["kind"] = "syntax"): never => {
    throw { kind, index } satisfies JsonProblem;
  };
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
  const members = (close: string, member: () => void): void => {
    i++;
    space();
    if (text[i] === close) return void i++;
    for (let count = 1; ; count++) {
      if (count > maxMembers) fail(i, "length");
      member();
      space();
      if (text[i] === close) return void i++;
      word(",");
    }
  };
  const value = (depth: number): void => {
    space();
    const first = text[i];
    if ((first === "{" || first === "[") && depth >= maxDepth) fail(i, "depth");
    if (first === "{") {
      members("}", () => {
        space();
        string();
        space();
        word(":");
        value(depth + 1);
      });
    } else if (first === "[") members("]", () => value(depth + 1));
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
