/**
 * A pasted table as question-answer rows, and in words what of it was not taken. Pure. Files have their own reader (`src/data/ingest`), which
 * the page may not import; this one never refuses: a quote that closes nothing stands for itself, and a bad line is named and left out.
 */
import type { ExampleRow } from "./examples-rows.ts";
import { plural } from "../shared/format.ts";

export interface Pasted {
  readonly rows: readonly ExampleRow[];
  /** What was chosen, and what was left out: sentences. */
  readonly notes: readonly string[];
}

/** The fields of a row, and the line from 1 on which it begins. */
export interface DelimitedRow {
  readonly fields: readonly string[];
  readonly line: number;
}

type Delimiter = "\t" | ";" | ",";

/** Names of columns and of JSON fields, those that say most first. */
const QUESTIONS = ["question", "questions", "prompt", "instruction", "user", "q", "input"];
const ANSWERS = ["answer", "answers", "completion", "output", "response", "reply", "assistant", "a"];
/** So many of the rows at least have the table's width; the others are left out and named. */
const STEADY = 0.8;
const MOST_NAMED = 3;

const clean = (text: string): string => text.replace(/\r\n?/g, "\n");
const isBlank = (text: string): boolean => text.trim() === "";
const list = (items: readonly (string | number)[]): string => (items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`);

/** "Lines 3, 5, 8 and 2 more are not JSON and were left out." */
function leftOut(lines: readonly number[], one: string, many: string, noun = "Line"): string[] {
  if (lines.length === 0) return [];
  const more = lines.length - MOST_NAMED;
  const named = list(more > 0 ? [...lines.slice(0, MOST_NAMED), `${more} more`] : lines);
  return [lines.length === 1 ? `${noun} ${named} ${one} and was left out.` : `${noun}s ${named} ${many} and were left out.`];
}

/** The field that a quote at `at` opens, and where it ends; null where no closing quote stands before a delimiter, a line end or the text's end. */
function quotedField(text: string, at: number, delimiter: string): { field: string; end: number } | null {
  let end = text.indexOf('"', at + 1);
  while (end >= 0 && text[end + 1] === '"') end = text.indexOf('"', end + 2);
  if (end < 0 || ![delimiter, "\n", "\r", undefined].includes(text[end + 1])) return null;
  return { field: text.slice(at + 1, end).replaceAll('""', '"'), end: end + 1 };
}

/** Rows of delimited text that are not blank; quotes as in RFC 4180 where they are closed, else standing for themselves. */
export function parseDelimited(text: string, delimiter: string): DelimitedRow[] {
  const rows: DelimitedRow[] = [];
  const stop = new RegExp(`[${delimiter}\r\n]`, "g");
  let line = 1;
  for (let i = 0; i < text.length; ) {
    const fields: string[] = [];
    const began = line;
    for (let open = true; open; ) {
      const quoted = text[i] === '"' ? quotedField(text, i, delimiter) : null;
      stop.lastIndex = i;
      const end = quoted?.end ?? stop.exec(text)?.index ?? text.length;
      const field = clean(quoted?.field ?? text.slice(i, end));
      fields.push(field);
      line += field.split("\n").length - 1;
      open = text[end] === delimiter;
      i = end + (text[end] === "\r" && text[end + 1] === "\n" ? 2 : 1);
    }
    line++;
    if (!fields.every(isBlank)) rows.push({ fields, line: began });
  }
  return rows;
}

const indexOfName = (names: readonly string[], wanted: readonly string[]): number => {
  const found = wanted.find((name) => names.includes(name));
  return found === undefined ? -1 : names.indexOf(found);
};

interface Columns {
  readonly question: number;
  readonly answer: number;
  /** Instruction sets: stands after the question. */
  readonly input: number;
  readonly header: boolean;
}

/** By the first row, where it names both. */
function namedColumns(first: readonly string[]): Columns | null {
  const names = first.map((field) => field.trim().toLowerCase());
  const [question, answer] = [indexOfName(names, QUESTIONS), indexOfName(names, ANSWERS)];
  return question < 0 || answer < 0 ? null : { question, answer, input: names[question] === "instruction" ? names.indexOf("input") : -1, header: true };
}

/** In a table of two columns one name that is known tells what a short one beside it is. */
function halfNamed(first: readonly string[]): Columns | null {
  const names = first.map((field) => field.trim().toLowerCase());
  const known = (name: string, of: readonly string[]): boolean => name.length > 1 && of.includes(name);
  if (names.length !== 2 || !(known(names[0]!, QUESTIONS) || known(names[1]!, ANSWERS))) return null;
  return names.every((name) => name.length <= 20 && /^[^.?!]+$/.test(name)) ? { question: 0, answer: 1, input: -1, header: true } : null;
}

/** Without names: what asks is the question, and of the columns that hold words the next one answers; else the first two of them. */
function judgedColumns(rows: readonly DelimitedRow[], width: number): Columns {
  const cells = Array.from({ length: width }, (_, c) => rows.map(({ fields }) => fields[c] ?? "").filter((cell) => !isBlank(cell)));
  // Numbers, dates, codes and addresses are one piece with a digit or a slash in it.
  const isCode = (cell: string): boolean => /^\S*[\d/]\S*$/.test(cell.trim());
  const speaks = cells.map((column) => column.length > 0 && !column.every(isCode));
  const words = speaks.flatMap((does, c) => (does ? [c] : []));
  const asked = cells.findIndex((column) => column.length > 0 && column.filter((cell) => cell.trim().endsWith("?")).length * 2 > column.length);
  const order = words.length < 2 || width === 2 ? cells.map((_, c) => c) : words;
  const question = asked >= 0 && asked < width - 1 ? asked : order[0]!;
  return { question, answer: order.find((c) => c > question) ?? question + 1, input: -1, header: false };
}

interface Table {
  readonly rows: readonly DelimitedRow[];
  readonly width: number;
  /** 0 = no table; the more the surer. */
  readonly evidence: number;
}

/** Most common number of fields. */
function widthOf(rows: readonly DelimitedRow[]): number {
  const counts = new Map<number, number>();
  for (const { fields } of rows) counts.set(fields.length, (counts.get(fields.length) ?? 0) + 1);
  return [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best), [0, 0])[0];
}

/**
 * Whether the text is a table under a delimiter. Tabs are evidence enough. Commas and semicolons stand in prose too, so there must be two rows, four in
 * five of one width, and one of: a first row that names the columns; no separator followed by a space nor only between digits; a question mark before each first separator.
 */
function tableUnder(text: string, delimiter: Delimiter): Table {
  const rows = parseDelimited(text, delimiter);
  const none = { rows, width: 0, evidence: 0 };
  if (rows.length === 0) return none;
  const named = namedColumns(rows[0]!.fields);
  const width = named === null ? widthOf(rows) : rows[0]!.fields.length;
  const even = rows.filter(({ fields }) => fields.length === width);
  if (width < 2) return none;
  if (named !== null && rows.length > 1) return { rows, width, evidence: 3 };
  if (even.length < rows.length * STEADY) return none;
  // Indented text begins with a tab; a row of a table does not.
  if (delimiter === "\t") return { rows, width, evidence: even.some(({ fields }) => !isBlank(fields[0]!)) ? 2 : 0 };
  // A field with one quote left in it was cut in two by a separator that is none.
  if (even.length < 2 || even.some(({ fields }) => fields.some((field) => /^[^"]*"[^"]*$/.test(field)))) return none;
  const tight = even.every(({ fields }) => fields.slice(1).every((field) => !/^[ \u00a0]/.test(field)));
  const between = even.every(({ fields }) => fields.slice(1).every((field, i) => /^\d/.test(field) && /\d$/.test(fields[i]!)));
  const asks = even.every(({ fields }) => fields[0]!.trim().endsWith("?"));
  return { rows, width, evidence: (tight && !between) || asks ? 1 : 0 };
}

/** @param least evidence that is asked for */
function tableOf(text: string, least: number): Pasted | null {
  const firstOf = (delimiter: string): number => (text.includes(delimiter) ? text.indexOf(delimiter) : text.length);
  const tables = (["\t", ";", ","] as const).map((delimiter) => ({ delimiter, ...tableUnder(text, delimiter) })).filter(({ evidence }) => evidence >= least);
  const table = tables.toSorted((a, b) => b.evidence - a.evidence || firstOf(a.delimiter) - firstOf(b.delimiter))[0];
  if (table === undefined) return null;
  const { width } = table;
  const [first] = table.rows;
  const columns = namedColumns(first!.fields) ?? halfNamed(first!.fields) ?? judgedColumns(table.rows.filter(({ fields }) => fields.length === width), width);
  const { question, answer, input, header } = columns;
  const needed = Math.max(question, answer);
  const rows: ExampleRow[] = [];
  const [uneven, empty]: number[][] = [[], []];
  for (const { fields, line } of header ? table.rows.slice(1) : table.rows) {
    if (fields.length > width || fields.length <= needed) uneven!.push(line);
    else if (isBlank(fields[question]!) && isBlank(fields[answer]!)) empty!.push(line);
    else rows.push({ question: withInput(fields[question]!, fields[input] ?? ""), answer: fields[answer]!.trim() });
  }
  if (rows.length === 0) return null;
  const names = first!.fields.map((field, c) => (header && !isBlank(field) ? `"${field.trim().slice(0, 40)}"` : `${c + 1}`));
  const taken = [question, input, answer].filter((c) => c >= 0);
  const others = names.filter((_, c) => !taken.includes(c));
  const are = (some: readonly string[]): string => `${some.length === 1 ? "olumn" : "olumns"} ${list(some)} ${some.length === 1 ? "was" : "were"}`;
  return {
    rows,
    notes: [
      ...(header ? ["The first line names the columns."] : []),
      ...(others.length > 0 ? [`C${are(taken.map((c) => names[c]!))} taken; c${are(others)} left out.`] : []),
      ...leftOut(uneven!, `does not have the ${plural(width, "field")} of the others`, `do not have the ${plural(width, "field")} of the others`),
      ...leftOut(empty!, "has neither question nor answer", "have neither question nor answer"),
    ],
  };
}

const withInput = (question: string, input: string): string => `${question}\n\n${input}`.trim();

/** A question and an answer out of a JSON value of any of the forms, and whether that is all it says; null where it has none. */
function rowOfJson(value: unknown): (ExampleRow & { readonly whole: boolean }) | null {
  if (typeof value !== "object" || value === null) return null;
  const fields = new Map(Object.entries(value).map(([name, field]) => [name.toLowerCase(), field] as const));
  const messages = fields.get("messages");
  if (Array.isArray(messages)) {
    const said = (messages as { role?: unknown; content?: unknown }[]).filter((message) => typeof message?.content === "string") as { role?: unknown; content: string }[];
    const asked = said.findIndex(({ role }) => role === "user");
    const answered = said.findIndex(({ role }, i) => role === "assistant" && i > asked);
    if (asked < 0 || answered < 0) return null;
    // As the template has it: what the system says stands before the question.
    const system = said.slice(0, asked).filter(({ role }) => role === "system").map(({ content }) => content);
    return { question: clean([...system, said[asked]!.content].join("\n\n")), answer: clean(said[answered]!.content), whole: messages.length === system.length + 2 };
  }
  const texts = new Map([...fields].filter((entry): entry is [string, string] => typeof entry[1] === "string"));
  const [question, answer] = [QUESTIONS.find((name) => texts.has(name)), ANSWERS.find((name) => texts.has(name))];
  if (question === undefined || answer === undefined) return null;
  return { question: clean(withInput(texts.get(question)!, question === "instruction" ? (texts.get("input") ?? "") : "")), answer: clean(texts.get(answer)!), whole: true };
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** JSON lines, or one list of objects; null where not one of them holds a question with an answer. */
function jsonOf(text: string): Pasted | null {
  const whole = text.trimStart().startsWith("[") ? parsed(text) : undefined;
  const values = Array.isArray(whole)
    ? whole.map((value, i) => ({ value: value as unknown, line: i + 1 }))
    : text.split(/\r\n?|\n/).flatMap((line, i) => (isBlank(line) ? [] : [{ value: parsed(line), line: i + 1 }]));
  const read = values.map(({ value, line }) => ({ value, line, row: rowOfJson(value) }));
  const rows = read.flatMap(({ row }) => (row === null ? [] : [{ question: row.question, answer: row.answer }]));
  if (rows.length === 0) return null;
  const noun = Array.isArray(whole) ? "Item" : "Line";
  const linesOf = (holds: (one: (typeof read)[number]) => boolean): number[] => read.filter(holds).map(({ line }) => line);
  const longer = linesOf(({ row }) => row !== null && !row.whole);
  return {
    rows,
    notes: [
      ...leftOut(linesOf(({ value }) => value === undefined), "is not JSON", "are not JSON", noun),
      ...leftOut(linesOf(({ value, row }) => value !== undefined && row === null), "has no question with an answer", "have no question with an answer", noun),
      ...(longer.length > 0 ? [`Of ${plural(longer.length, "conversation")} only the first question and answer were taken.`] : []),
    ],
  };
}

/**
 * Rows of a pasted table: a spreadsheet's tabs, comma- or semicolon-separated values, or JSON. Null where the text is no table: then it
 * is plain text for one field.
 */
export function readPasted(text: string): Pasted | null {
  const lines = text.split(/[\r\n]+/).filter((line) => !isBlank(line));
  const json = /^\s*\[/.test(text) || lines.filter((line) => /^\s*\{/.test(line)).length * 2 > lines.length;
  return (json ? jsonOf(text) : null) ?? tableOf(text, json ? 2 : 1);
}
