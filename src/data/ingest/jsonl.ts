/**
 * Reads JSON Lines piece by piece: conversations in three forms (`messages`; `prompt` and `completion`; `instruction`, `input`, `output`)
 * or documents (`text`). Every problem is a typed error with its line; a line too long is counted through, never held.
 */
import { NestlingError, type ErrorCode } from "../../core/errors.ts";
import type { ChatMessage } from "../chat-template.ts";
import type { ChatExample } from "../chat.ts";
import { scanJson } from "../../core/json-scan.ts";
import { lineProblem, MAX_LINE_LENGTH, quoted, utf8Length, type OnProblem, type RecordReader, type RecordSink } from "./types.ts";

export const MAX_JSON_DEPTH = 32;
const ROLES = ["system", "user", "assistant"] as const;
const KEPT_PROBLEMS = 20;
/** Characters that a list is told by. */
const OPENING = 64;
const FORMS = 'Each line is an object with "messages", or "prompt" and "completion", or "instruction" and "output" (and "input"), or "text"';

export interface JsonlOptions {
  readonly name?: string;
  readonly onProblem: OnProblem;
  /** Byte at which the text begins, where its bytes are UTF-8: problems then name the byte of their line. */
  readonly byteOffset?: number;
}

export class JsonlReader implements RecordReader {
  /** Lines begun so far. */
  lines = 0;
  /** What the first readable line held; a line of the other kind is a problem. */
  kind: "text" | "chat" | null = null;
  #parts: string[] = [];
  #length = 0;
  #byte: number | undefined;
  #longBytes = 0;
  /** How the first line begins: a list tells itself by it, though the line may be too long to be kept. */
  #opening = "";

  constructor(readonly sink: RecordSink, readonly options: JsonlOptions) {
    this.#byte = options.byteOffset;
  }

  push(text: string): void {
    for (let start = 0; start < text.length; ) {
      const found = text.indexOf("\n", start);
      const end = found < 0 ? text.length : found;
      this.#add(text, start, end);
      if (found >= 0) this.#line(1);
      start = end + 1;
    }
  }

  end(): void {
    if (this.#length > 0) this.#line(0);
  }

  #add(text: string, start: number, end: number): void {
    if (end === start) return;
    if (this.lines === 0 && this.#opening.length < OPENING) this.#opening += text.slice(start, Math.min(end, start + OPENING));
    this.#length += end - start;
    if (this.#length <= MAX_LINE_LENGTH) this.#parts.push(text.slice(start, end));
    else if (this.#byte !== undefined) {
      // What was kept of it is let go: of this line only its size is wanted.
      for (const part of this.#parts) this.#longBytes += utf8Length(part);
      this.#longBytes += utf8Length(text.slice(start, end));
      this.#parts = [];
    } else this.#parts = [];
  }

  #line(lineFeed: 0 | 1): void {
    const json = this.#parts.length === 1 ? this.#parts[0] : this.#parts.join("");
    const length = this.#length;
    const byte = this.#byte;
    const line = ++this.lines;
    if (byte !== undefined) this.#byte = byte + lineFeed + (length > MAX_LINE_LENGTH ? this.#longBytes : utf8Length(json));
    this.#parts = [];
    this.#length = 0;
    this.#longBytes = 0;
    const fail = (code: ErrorCode, what: string, details: Record<string, unknown> = {}): never => {
      throw lineProblem(code, this.options.name ?? "", line, what, { ...(byte === undefined ? {} : { byte }), ...details });
    };
    // Not one bad line among others: left out, it would take nearly all of the file with it.
    if (line === 1 && /^\s*\[\s*(?:\{|$)/.test(this.#opening)) {
      const { name } = this.options;
      throw new NestlingError("JSONL_LIST", `${name ? quoted(name) : "The file"} is one JSON list, and JSON Lines is read: each object on a line of its own, without the list's brackets around them or commas between. ` +
        "Nothing was changed. Save it so, as .jsonl (jq -c '.[]' does it).", { ...(name ? { file: name } : {}), line });
    }
    try {
      if (length > MAX_LINE_LENGTH) {
        fail("JSONL_LINE_TOO_LONG", `it has ${length} characters; at most ${MAX_LINE_LENGTH} are read`, { length, allowed: MAX_LINE_LENGTH });
      }
      if (json.trim() === "") return this.sink.blank();
      this.#record(parseJson(json, fail), fail);
    } catch (error) {
      if (!(error instanceof NestlingError)) throw error;
      this.options.onProblem(() => error);
    }
  }

  #record(value: unknown, fail: Fail): void {
    const record = readRecord(value, fail);
    const kind = typeof record === "string" ? "text" : "chat";
    if (this.kind !== null && kind !== this.kind) {
      fail("JSONL_SCHEMA", `it holds ${kind === "chat" ? "a conversation" : '"text"'}, and the lines before it ${this.kind === "chat" ? "conversations" : '"text"'}; a file holds one kind`);
    }
    this.kind = kind;
    if (typeof record !== "string") return this.sink.example(record);
    if (record.trim() === "") return this.sink.blank();
    this.sink.text(record.replace(/\r\n?/g, "\n"));
    this.sink.endDocument();
  }
}

type Fail = (code: ErrorCode, what: string, details?: Record<string, unknown>) => never;

/** Brackets that open, in strings too: at least as many as objects and lists can nest. */
function openings(json: string): number {
  let count = 0;
  for (let i = 0; i < json.length; i++) {
    const unit = json.charCodeAt(i);
    if (unit === 0x7b || unit === 0x5b) count++;
  }
  return count;
}

function parseJson(json: string, fail: Fail): unknown {
  // Most lines are sound and shallow: the platform's parser is ten times as fast, and only tells no place.
  if (openings(json) <= MAX_JSON_DEPTH) {
    try {
      return JSON.parse(json);
    } catch {
      // The scan below says where.
    }
  }
  const problem = scanJson(json, { depth: MAX_JSON_DEPTH });
  if (problem?.kind === "depth") {
    return fail("JSONL_TOO_DEEP", `objects and lists nest deeper than ${MAX_JSON_DEPTH}, from column ${problem.index + 1}`, { column: problem.index + 1, allowed: MAX_JSON_DEPTH });
  }
  if (problem) {
    const what = problem.index >= json.trimEnd().length ? "it ends too early" : `unexpected ${JSON.stringify(json[problem.index])}`;
    return fail("JSONL_PARSE", `not JSON: ${what} at column ${problem.index + 1}`, { column: problem.index + 1 });
  }
  return JSON.parse(json);
}

/** Own property or undefined: a key such as __proto__ in the data reaches nothing. */
function own(value: unknown, key: string): unknown {
  return value !== null && typeof value === "object" && Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
}

/** A document's text, or an example. */
function readRecord(value: unknown, fail: Fail): string | ChatExample {
  const has = (key: string): boolean => own(value, key) !== undefined;
  const text = (key: string): string => {
    const found = own(value, key);
    return typeof found === "string" ? found : fail("JSONL_SCHEMA", `"${key}" is ${found === undefined ? "missing" : `${kindOf(found)}, not a string`}`);
  };
  const asked = (user: string, assistant: string): ChatExample => ({ messages: [{ role: "user", content: user }, { role: "assistant", content: assistant }] });
  if (has("messages")) return { messages: readMessages(own(value, "messages"), fail) };
  if (has("prompt") || has("completion")) return asked(text("prompt"), text("completion"));
  if (has("instruction") || has("output")) {
    const input = has("input") ? text("input") : "";
    return asked(input === "" ? text("instruction") : `${text("instruction")}\n\n${input}`, text("output"));
  }
  if (has("text")) return text("text");
  return fail("JSONL_SCHEMA", `${kindOf(value)} without the fields that are read. ${FORMS}`);
}

const kindOf = (value: unknown): string => (value === null ? "null" : Array.isArray(value) ? "a list" : typeof value === "object" ? "an object" : `a ${typeof value}`);

function readMessages(list: unknown, fail: Fail): ChatMessage[] {
  if (!Array.isArray(list)) return fail("JSONL_SCHEMA", `"messages" is ${kindOf(list)}, not a list`);
  const messages = list.map((entry: unknown, i): ChatMessage => {
    const role = ROLES.find((name) => name === own(entry, "role"));
    const content = own(entry, "content");
    if (!role) return fail("JSONL_SCHEMA", `messages[${i}].role is ${JSON.stringify(own(entry, "role"))?.slice(0, 40) ?? "missing"}; allowed: ${ROLES.join(", ")}`);
    if (typeof content !== "string") return fail("JSONL_SCHEMA", `messages[${i}].content is not a string`);
    if (role === "system" && i > 0) return fail("JSONL_SCHEMA", `messages[${i}] is from the system; only the first may be`);
    return { role, content };
  });
  const first = messages[0]?.role === "system" ? messages[1] : messages[0];
  if (first?.role !== "user") fail("JSONL_SCHEMA", "the conversation does not begin with a user's message");
  if (!messages.some(({ role }) => role === "assistant")) fail("JSONL_SCHEMA", "there is no assistant's message to learn from");
  return messages;
}

export interface ParsedChat {
  readonly examples: readonly ChatExample[];
  /** Lines left out, with `onBad: "skip"`. */
  readonly skipped: number;
  /** The first 20 reasons. */
  readonly problems: readonly NestlingError[];
}

/**
 * A text of conversations, all at once. Empty lines are passed over; keys that are not read are ignored, whatever they are called.
 * @param options.onBad "stop" (default) throws at the first bad line, "skip" leaves bad lines out and counts them
 * @throws NestlingError JSONL_PARSE (line, column), JSONL_SCHEMA, JSONL_TOO_DEEP, JSONL_LINE_TOO_LONG, DATA_EMPTY
 */
export function parseChatJsonl(text: string, options: { readonly onBad?: "stop" | "skip" } = {}): ParsedChat {
  const examples: ChatExample[] = [];
  const problems: NestlingError[] = [];
  let skipped = 0;
  const onProblem = (make: () => NestlingError): void => {
    if (options.onBad !== "skip") throw make();
    skipped++;
    if (problems.length < KEPT_PROBLEMS) problems.push(make());
  };
  const noText = (): never => {
    throw new NestlingError("JSONL_SCHEMA", "The file holds documents (\"text\"), and conversations are wanted. Pre-train on it instead.");
  };
  const reader = new JsonlReader({ example: (example) => void examples.push(example), blank: () => undefined, text: noText, endDocument: noText }, { onProblem });
  reader.push(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);
  reader.end();
  if (examples.length === 0) {
    throw new NestlingError("DATA_EMPTY", `The file has ${reader.lines} lines and no usable example${skipped ? ` (${skipped} were skipped)` : ""}; at least 1 is needed. ` +
      `${FORMS}.`, { lines: reader.lines, skipped });
  }
  return { examples, skipped, problems };
}
