/** What a CSV file's columns mean: documents, or questions with answers; what is taken when nobody chose; rows into records. */
import { NestlingError } from "../../core/errors.ts";
import type { CsvChoices, FileLook } from "../../protocol/own-data.ts";
import { CsvReader, detectDelimiter, parseCsv, type Delimiter } from "./csv.ts";
import { lineProblem, quoted, type OnProblem, type RecordReader, type RecordSink } from "./types.ts";

type Columns = NonNullable<CsvChoices["columns"]>;
export type CsvLook = NonNullable<FileLook["csv"]>;

const QUESTION = /^(?:question|prompt|instruction|user|input|q|frage|pregunta|pergunta|domanda)$/i;
const ANSWER = /^(?:answer|completion|response|output|assistant|reply|a|antwort|réponse|reponse|respuesta|resposta|risposta)$/i;
const NUMBER = /^[-+]?[0-9.,]+$/;
/** Numbers, dates, codes and addresses are one piece with a digit or a slash in it. */
const CODE = /^\S*[\d/]\S*$/;
const TEXT = /^(?:text|content|body|story|document|article|message|description)$/i;
/** Characters at a file's beginning that its delimiter and columns are judged by: the same for a look and for the reading after it. */
export const JUDGED = 1 << 16;
const SHOWN_ROWS = 5;
const JUDGED_ROWS = 20;
const SHOWN_LENGTH = 120;

/** A row of short, different words without numbers names the columns. */
function looksLikeHeader(row: readonly string[], later: readonly (readonly string[])[]): boolean {
  const [next] = later;
  const names = row.map((field) => field.trim());
  const known = names.some((name) => QUESTION.test(name) || ANSWER.test(name) || TEXT.test(name));
  if (known) return true;
  if (next === undefined || names.some((name) => name === "" || name.length > 40 || NUMBER.test(name)) || new Set(names).size < names.length) return false;
  // A word above nothing but numbers is their name.
  if (later.length > 1 && names.some((_, c) => later.every((fields) => NUMBER.test((fields[c] ?? "").trim())))) return true;
  // Names are shorter than what they name.
  return names.join("").length * 3 < next.join("").length;
}

/** The longest column on the average, unless a name says more, or one asks and another in words stands after it. */
function judgeColumns(names: readonly string[], rows: readonly (readonly string[])[]): Columns {
  const question = names.findIndex((name) => QUESTION.test(name.trim()));
  const answer = names.findIndex((name) => ANSWER.test(name.trim()));
  if (question >= 0 && answer >= 0) return { question, answer };
  const named = names.findIndex((name) => TEXT.test(name.trim()));
  if (named >= 0) return { text: [named] };
  const cells = names.map((_, c) => rows.map((row) => (row[c] ?? "").trim()).filter((cell) => cell !== ""));
  const asks = cells.findIndex((column) => column.length > 1 && column.filter((cell) => cell.endsWith("?")).length * 2 > column.length);
  const answers = cells.findIndex((column, c) => asks >= 0 && c > asks && column.length * 2 > rows.length && !column.every((cell) => CODE.test(cell)));
  if (answers >= 0) return { question: asks, answer: answers };
  const lengths = names.map((_, c) => rows.reduce((sum, row) => sum + (row[c]?.length ?? 0), 0));
  return { text: [lengths.indexOf(Math.max(...lengths))] };
}

/** What a file's first part shows. @param text from the file's beginning, `JUDGED` characters of it or all */
export function lookAtCsv(text: string, choices: CsvChoices = {}): CsvLook {
  const head = text.slice(0, JUDGED);
  const cut = text.length >= JUDGED;
  const delimiter: Delimiter = choices.delimiter ?? detectDelimiter(head, cut);
  const rows = parseCsv(head, delimiter, () => undefined, cut).filter((row) => row.some((field) => field.trim() !== ""));
  const first = rows[0] ?? [""];
  const header = choices.header ?? looksLikeHeader(first, rows.slice(1, 1 + JUDGED_ROWS));
  const columns = first.map((field, i) => (header && field.trim() !== "" ? field.trim().slice(0, 60) : `column ${i + 1}`));
  const data = header ? rows.slice(1) : rows;
  return {
    delimiter, header, columns, chosen: choices.columns ?? judgeColumns(header ? columns : columns.map(() => ""), data.slice(0, 200)),
    rows: data.slice(0, SHOWN_ROWS).map((row) => row.map((field) => (field.length > SHOWN_LENGTH ? `${field.slice(0, SHOWN_LENGTH)}...` : field))),
  };
}

/** Rows as documents or examples, by the look's choices. @throws NestlingError CSV_COLUMNS where a chosen column is not there */
export class CsvRecords implements RecordReader {
  readonly #reader: CsvReader;
  #first = true;

  constructor(readonly sink: RecordSink, readonly look: CsvLook, options: { readonly name: string; readonly onProblem: OnProblem }) {
    const { name } = options;
    const width = look.columns.length;
    const { chosen } = look;
    const wanted = "text" in chosen ? chosen.text : [chosen.question, chosen.answer];
    const missing = wanted.length === 0 ? "none" : wanted.find((c) => !Number.isInteger(c) || c < 0 || c >= width);
    if (missing !== undefined) {
      throw new NestlingError("CSV_COLUMNS", `${quoted(name)} has ${width} columns (${look.columns.join(", ").slice(0, 200)}), and ${missing === "none" ? "none of them is chosen" : `column ${missing + 1} is asked for`}. ` +
        "Nothing was changed. Choose among its columns; files with other columns are added on their own.", { file: name, columns: width });
    }
    this.#reader = new CsvReader({
      name, delimiter: look.delimiter, onProblem: options.onProblem,
      onRow: (fields, line) => {
        const header = this.#first && look.header;
        this.#first = false;
        if (header) return;
        if (fields.every((field) => field.trim() === "")) return this.sink.blank();
        if (fields.length !== width) {
          return options.onProblem(() => lineProblem("CSV_PARSE", name, line, `the row has ${fields.length} field${fields.length === 1 ? "" : "s"}, and the first row has ${width}`, { fields: fields.length, columns: width }));
        }
        this.#row(fields, line, options.onProblem);
      },
    });
  }

  #row(fields: readonly string[], line: number, onProblem: OnProblem): void {
    const { chosen } = this.look;
    const field = (column: number): string => fields[column].replace(/\r\n?/g, "\n");
    if ("text" in chosen) {
      const text = chosen.text.map(field).filter((part) => part.trim() !== "").join("\n");
      if (text === "") return this.sink.blank();
      this.sink.text(text);
      return this.sink.endDocument();
    }
    const question = field(chosen.question);
    const answer = field(chosen.answer);
    if (question.trim() === "" && answer.trim() === "") return this.sink.blank();
    if (question.trim() === "" || answer.trim() === "") {
      const which = question.trim() === "" ? chosen.question : chosen.answer;
      return onProblem(() => lineProblem("CSV_PARSE", this.#reader.options.name ?? "", line, `column ${which + 1} ("${this.look.columns[which]}") is empty, and an example needs both`, { column: which + 1 }));
    }
    this.sink.example({ messages: [{ role: "user", content: question }, { role: "assistant", content: answer }] });
  }

  push(text: string): void {
    this.#reader.push(text);
  }

  end(): void {
    this.#reader.end();
  }
}
