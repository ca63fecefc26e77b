/** Question-answer rows: reading pasted ones, counting, writing them as chat JSONL, and how long to train on them. Pure. */
import type { Recipe } from "../protocol/index.ts";

export interface ExampleRow {
  readonly question: string;
  readonly answer: string;
}

export const FEWEST_ROWS = 5;
export const MOST_ROWS = 200;
/** A field longer than this would not fit into the context of any model here. */
export const MOST_CHARACTERS = 2000;

/** Times the examples are seen at least and at most, and the time that training on them may take. */
const EPOCHS = 40;
const FEWEST_STEPS = 60;
const BUDGET_MS = 60_000;
/** About what a word piece holds; only the number of steps stands on it. */
const CHARACTERS_PER_TOKEN = 3;
const MARKERS = 5;

const isWhole = ({ question, answer }: ExampleRow): boolean => question.trim() !== "" && answer.trim() !== "";
export const wholeRows = (rows: readonly ExampleRow[]): ExampleRow[] => rows.filter(isWhole).map(({ question, answer }) => ({ question: question.trim(), answer: answer.trim() }));

/** Fields of delimited text; quotes as in RFC 4180. A quote inside an unquoted field stands for itself. */
export function parseDelimited(text: string, delimiter: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let field = "";
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (quoted) {
      if (c !== '"') field += c;
      else if (text[i + 1] === '"') field += text[++i]!;
      else quoted = false;
    } else if (c === '"' && field === "") quoted = true;
    else if (c === delimiter) [row, field] = [[...row, field], ""];
    else if (c === "\n" || c === "\r") {
      if (c === "\r" && text[i + 1] === "\n") i++;
      rows.push([...row, field]);
      [row, field] = [[], ""];
    } else field += c;
  }
  if (field !== "" || row.length > 0) rows.push([...row, field]);
  return rows.filter((cells) => cells.some((cell) => cell.trim() !== ""));
}

/** A question and an answer out of one JSON line of any of the three forms; null where it has none. */
function rowOfJson(line: string): ExampleRow | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const { messages, prompt, completion, instruction, input, output } = value as Record<string, unknown>;
  if (typeof prompt === "string" && typeof completion === "string") return { question: prompt, answer: completion };
  if (typeof instruction === "string" && typeof output === "string") return { question: typeof input === "string" && input !== "" ? `${instruction}\n\n${input}` : instruction, answer: output };
  if (!Array.isArray(messages)) return null;
  const said = (role: string): string | undefined => (messages as { role?: unknown; content?: unknown }[]).find((message) => message?.role === role && typeof message.content === "string")?.content as string | undefined;
  const [question, answer] = [said("user"), said("assistant")];
  return question === undefined || answer === undefined ? null : { question, answer };
}

/**
 * Rows of a pasted table: a spreadsheet's tabs, comma- or semicolon-separated values, or JSON lines. A first row that only
 * names the columns is left out. Empty where the text is no table: then it is plain text for one field.
 */
export function parseRows(text: string): ExampleRow[] {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  if (lines.length > 0 && lines[0]!.trimStart().startsWith("{")) return lines.map(rowOfJson).filter((row) => row !== null);
  const delimiter = ["\t", ";", ","].find((candidate) => {
    const cells = parseDelimited(text, candidate);
    return cells.length > 0 && cells.every((row) => row.length >= 2) && (candidate === "\t" || (cells.length > 1 && cells.every((row) => row.length === 2)));
  });
  if (delimiter === undefined) return [];
  const rows = parseDelimited(text, delimiter).map(([question = "", answer = ""]) => ({ question, answer }));
  const named = /^(question|prompt|instruction|user|q)$/i.test(rows[0]!.question.trim()) && /^(answer|completion|output|assistant|a)$/i.test(rows[0]!.answer.trim());
  return named ? rows.slice(1) : rows;
}

/** The rows as chat JSONL, a conversation of two messages a line. */
export function rowsToJsonl(rows: readonly ExampleRow[]): string {
  return rows.map(({ question, answer }) => `${JSON.stringify({ messages: [{ role: "user", content: question }, { role: "assistant", content: answer }] })}\n`).join("");
}

/**
 * The recipe that tunes on a person's examples: as often as small sets want to be seen, within about a minute on this machine.
 * @param tokensPerSec measured on this machine; absent = the fewest steps that teach anything
 */
export function examplesRecipe(recipe: Recipe, corpusId: string, rows: readonly ExampleRow[], tokensPerSec?: number): Recipe {
  const tokens = rows.reduce((sum, { question, answer }) => sum + (question.length + answer.length) / CHARACTERS_PER_TOKEN + MARKERS, 0);
  return {
    ...recipe,
    name: "my-examples",
    stages: recipe.stages.map((stage) => {
      if (stage.kind !== "sft") return stage;
      const perStep = stage.batch_size * stage.gradient_accumulation_steps * recipe.model.block_size;
      const wanted = Math.max(FEWEST_STEPS, Math.ceil((EPOCHS * tokens) / perStep));
      const most = tokensPerSec === undefined ? FEWEST_STEPS : Math.max(FEWEST_STEPS, Math.floor((BUDGET_MS / 1000) * (tokensPerSec / perStep)));
      const max_iters = Math.min(wanted, most);
      const { changes: _, parent: __, ...kept } = stage;
      return { ...kept, name: "Your examples", data: [{ corpus: corpusId, weight: 1 }], max_iters, eval_interval: Math.max(5, Math.ceil(max_iters / 8)), eval_iters: 2, optimizer: { ...stage.optimizer, warmup_iters: Math.min(stage.optimizer.warmup_iters, Math.floor(max_iters / 4)) } };
    }),
  };
}
