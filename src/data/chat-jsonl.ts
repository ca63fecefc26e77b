/** Reads chat examples: one JSON object with `messages` a line. Every problem is a typed error with its line. */
import { NestlingError, type ErrorCode } from "../core/errors.ts";
import type { ChatMessage } from "./chat-template.ts";
import type { ChatExample } from "./chat.ts";
import { scanJson } from "./json-scan.ts";

export const MAX_LINE_LENGTH = 1 << 20;
export const MAX_JSON_DEPTH = 32;
const ROLES = ["system", "user", "assistant"] as const;
const KEPT_PROBLEMS = 20;

export interface ParsedChat {
  readonly examples: readonly ChatExample[];
  /** Lines left out, with `onBad: "skip"`. */
  readonly skipped: number;
  /** The first 20 reasons. */
  readonly problems: readonly NestlingError[];
}

/**
 * Empty lines are passed over; keys other than `messages`, `role` and `content` are ignored, whatever they are called.
 * @param options.onBad "stop" (default) throws at the first bad line, "skip" leaves bad lines out and counts them
 * @throws NestlingError JSONL_PARSE (line, column), JSONL_SCHEMA, JSONL_TOO_DEEP, JSONL_LINE_TOO_LONG, DATA_EMPTY
 */
export function parseChatJsonl(text: string, options: { readonly onBad?: "stop" | "skip" } = {}): ParsedChat {
  const examples: ChatExample[] = [];
  const problems: NestlingError[] = [];
  let skipped = 0;
  let line = 0;
  for (let start = text.charCodeAt(0) === 0xfeff ? 1 : 0; start < text.length; ) {
    const found = text.indexOf("\n", start);
    const end = found < 0 ? text.length : found;
    line++;
    try {
      const example = parseLine(text, start, end, line);
      if (example) examples.push(example);
    } catch (error) {
      if (options.onBad !== "skip" || !(error instanceof NestlingError)) throw error;
      skipped++;
      if (problems.length < KEPT_PROBLEMS) problems.push(error);
    }
    start = end + 1;
  }
  if (examples.length === 0) {
    throw new NestlingError("DATA_EMPTY", `The file has ${line} lines and no usable example${skipped ? ` (${skipped} were skipped)` : ""}; at least 1 is needed. ` +
      'Each line is an object such as {"messages":[{"role":"user","content":"..."},{"role":"assistant","content":"..."}]}.', { lines: line, skipped });
  }
  return { examples, skipped, problems };
}

function bad(code: ErrorCode, line: number, what: string, details: Record<string, unknown> = {}): NestlingError {
  return new NestlingError(code, `Line ${line}: ${what}. Nothing was changed; mend the line, or skip bad lines.`, { line, ...details });
}

function parseLine(text: string, start: number, end: number, line: number): ChatExample | null {
  if (end - start > MAX_LINE_LENGTH) {
    throw bad("JSONL_LINE_TOO_LONG", line, `it has ${end - start} characters; at most ${MAX_LINE_LENGTH} are read`, { length: end - start, allowed: MAX_LINE_LENGTH });
  }
  const json = text.slice(start, end);
  if (json.trim() === "") return null;
  const problem = scanJson(json, MAX_JSON_DEPTH);
  if (problem?.kind === "depth") {
    throw bad("JSONL_TOO_DEEP", line, `objects and lists nest deeper than ${MAX_JSON_DEPTH}, from column ${problem.index + 1}`, { column: problem.index + 1, allowed: MAX_JSON_DEPTH });
  }
  if (problem) {
    const what = problem.index >= json.trimEnd().length ? "it ends too early" : `unexpected ${JSON.stringify(json[problem.index])}`;
    throw bad("JSONL_PARSE", line, `not JSON: ${what} at column ${problem.index + 1}`, { column: problem.index + 1 });
  }
  return readExample(JSON.parse(json), line);
}

/** Own property or undefined: a key such as __proto__ in the data reaches nothing. */
function own(value: unknown, key: string): unknown {
  return value !== null && typeof value === "object" && Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
}

function readExample(value: unknown, line: number): ChatExample {
  const fail = (what: string): never => {
    throw bad("JSONL_SCHEMA", line, what);
  };
  const list = own(value, "messages");
  if (!Array.isArray(list)) return fail('there is no list "messages"');
  const messages = list.map((entry: unknown, i): ChatMessage => {
    const role = ROLES.find((name) => name === own(entry, "role"));
    const content = own(entry, "content");
    if (!role) return fail(`messages[${i}].role is ${JSON.stringify(own(entry, "role"))?.slice(0, 40) ?? "missing"}; allowed: ${ROLES.join(", ")}`);
    if (typeof content !== "string") return fail(`messages[${i}].content is not a string`);
    if (role === "system" && i > 0) return fail(`messages[${i}] is from the system; only the first may be`);
    return { role, content };
  });
  const first = messages[0]?.role === "system" ? messages[1] : messages[0];
  if (first?.role !== "user") fail("the conversation does not begin with a user's message");
  if (!messages.some(({ role }) => role === "assistant")) fail("there is no assistant's message to learn from");
  return { messages };
}
