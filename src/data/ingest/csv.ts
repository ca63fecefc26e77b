/**
 * Reads CSV piece by piece (RFC 4180): quoted fields with doubled quotes and line ends inside them, CRLF or LF. A quote inside an
 * unquoted field stands for itself, as spreadsheets have it. What the columns mean is `csv-records.ts`.
 */
import { lineProblem, MAX_ROW_FIELDS, MAX_ROW_LENGTH, type OnProblem, type RecordReader } from "./types.ts";

export const DELIMITERS = [",", ";", "\t"] as const;
export type Delimiter = (typeof DELIMITERS)[number];

export interface CsvOptions {
  readonly name?: string;
  readonly delimiter: Delimiter;
  readonly onProblem: OnProblem;
  /** @param line the line of the file, from 1, on which the row begins */
  readonly onRow: (fields: string[], line: number) => void;
}

const QUOTE = 0x22;
const LF = 0x0a;
const CR = 0x0d;

type State = "start" | "plain" | "quoted" | "quote" | "bad";

export class CsvReader implements RecordReader {
  #state: State = "start";
  #fields: string[] = [];
  #field: string[] = [];
  #length = 0;
  /** Line being read, and that on which the row, and the open quote, began. */
  #line = 1;
  #rowLine = 1;
  #quoteLine = 1;
  #lineLength = 0;
  /** A carriage return at the end of a piece, until it is known what follows. */
  #held = "";
  readonly #delimiter: number;
  /** Next character that ends a run outside quotes. */
  readonly #stop: RegExp;

  constructor(readonly options: CsvOptions) {
    this.#delimiter = options.delimiter.charCodeAt(0);
    this.#stop = new RegExp(`[${options.delimiter === "\t" ? "\\t" : options.delimiter}\\r\\n]`, "g");
  }

  push(piece: string): void {
    const text = this.#held + piece;
    this.#held = "";
    for (let i = 0; i < text.length; ) {
      // Two characters decide at a carriage return: wait for the second.
      if (this.#state !== "quoted" && i + 1 === text.length && text.charCodeAt(i) === CR) {
        this.#held = "\r";
        return;
      }
      i = this.#step(text, i);
    }
  }

  end(): void {
    if (this.#held !== "") {
      this.#held = "";
      this.#step("\r", 0);
    }
    if (this.#state === "quoted") {
      return this.#bad(`a quote opened on line ${this.#quoteLine} is never closed`, this.#quoteLine);
    }
    if (this.#state === "bad") return this.#reset();
    if (this.#state !== "start" || this.#fields.length > 0) this.#endRow();
  }

  /** Takes what stands at `i`; returns where to go on. */
  #step(text: string, i: number): number {
    const code = text.charCodeAt(i);
    switch (this.#state) {
      case "start":
        if (code === QUOTE) {
          this.#state = "quoted";
          this.#quoteLine = this.#line;
          this.#lineLength++;
          return i + 1;
        }
        this.#state = "plain";
        return i;
      case "plain": {
        const ending = this.#ending(text, i, code);
        if (ending > 0) return i + ending;
        this.#stop.lastIndex = i;
        const end = this.#stop.exec(text)?.index ?? text.length;
        this.#add(text, i, end);
        return end;
      }
      case "quoted": {
        let end = text.indexOf('"', i);
        // Doubled quotes stay in one run: a piece of its own for each would take many times the file's size.
        while (end >= 0 && text.charCodeAt(end + 1) === QUOTE) end = text.indexOf('"', end + 2);
        if (this.#addQuoted(text, i, end < 0 ? text.length : end) && end >= 0) {
          this.#state = "quote";
          this.#lineLength++;
        }
        return end < 0 ? text.length : end + 1;
      }
      case "quote": {
        if (code === QUOTE) {
          this.#field.push('"');
          this.#length++;
          this.#lineLength++;
          this.#state = "quoted";
          return i + 1;
        }
        const ending = this.#ending(text, i, code);
        if (ending > 0) return i + ending;
        this.#bad(`${JSON.stringify(text[i])} follows a closing quote at column ${this.#lineLength + 1}; a separator or the line's end must`, this.#line, { column: this.#lineLength + 1 });
        this.#state = "bad";
        return i;
      }
      case "bad": {
        // The rest of the line is passed over; what follows begins anew.
        const found = text.indexOf("\n", i);
        if (found < 0) return text.length;
        this.#newLine();
        this.#reset();
        return found + 1;
      }
    }
  }

  /** Length of a separator or line end at `i`, which is taken; 0 where none stands there. */
  #ending(text: string, i: number, code: number): number {
    if (code === this.#delimiter) {
      this.#lineLength++;
      this.#endField();
      this.#state = "start";
      if (this.#fields.length >= MAX_ROW_FIELDS) {
        this.#bad(`the row has more than ${MAX_ROW_FIELDS} fields, the most that are read`, this.#rowLine, { allowed: MAX_ROW_FIELDS });
        this.#state = "bad";
      }
      // A delimiter at the row's end leaves an empty field after it, so the row is not over: `#fields` holds that it began.
      return 1;
    }
    if (code !== LF && code !== CR) return 0;
    this.#endRow();
    const length = code === CR && text.charCodeAt(i + 1) === LF ? 2 : 1;
    this.#newLine();
    this.#rowLine = this.#line;
    return length;
  }

  #add(text: string, start: number, end: number): void {
    this.#length += end - start;
    this.#lineLength += end - start;
    if (this.#length > MAX_ROW_LENGTH) return this.#tooLong();
    if (end > start) this.#field.push(text.slice(start, end));
  }

  /** False where the row became too long. */
  #addQuoted(text: string, start: number, end: number): boolean {
    this.#length += end - start;
    if (this.#length > MAX_ROW_LENGTH) {
      this.#tooLong();
      return false;
    }
    const run = text.slice(start, end);
    // Not by replace: V8 keeps what that gives as a rope with a node for each quote, 16 times the text.
    this.#field.push(run.includes('"') ? run.split('""').join('"') : run);
    let last = start;
    for (let at = text.indexOf("\n", start); at >= 0 && at < end; at = text.indexOf("\n", at + 1)) {
      this.#newLine();
      last = at + 1;
    }
    this.#lineLength = (last === start ? this.#lineLength : 0) + end - last;
    return true;
  }

  #tooLong(): void {
    const quoted = this.#state === "quoted";
    this.#bad(quoted ? `a quote opened on line ${this.#quoteLine} is not closed within ${MAX_ROW_LENGTH} characters, the most a row may have` : `the row has more than ${MAX_ROW_LENGTH} characters`, this.#rowLine, { allowed: MAX_ROW_LENGTH });
    this.#state = "bad";
  }

  #newLine(): void {
    this.#line++;
    this.#lineLength = 0;
  }

  #endField(): void {
    this.#fields.push(this.#field.length === 1 ? this.#field[0] : this.#field.join(""));
    this.#field = [];
  }

  #endRow(): void {
    this.#endField();
    const fields = this.#fields;
    this.#fields = [];
    this.#length = 0;
    this.#state = "start";
    this.options.onRow(fields, this.#rowLine);
  }

  #reset(): void {
    this.#fields = [];
    this.#field = [];
    this.#length = 0;
    this.#state = "start";
    this.#rowLine = this.#line;
  }

  #bad(what: string, line: number, details: Record<string, unknown> = {}): void {
    this.#reset();
    this.options.onProblem(() => lineProblem("CSV_PARSE", this.options.name ?? "", line, what, details));
  }
}

/** All rows of a text; for a file's first part and for tests. */
export function parseCsv(text: string, delimiter: Delimiter, onProblem: OnProblem): string[][] {
  const rows: string[][] = [];
  const reader = new CsvReader({ delimiter, onProblem, onRow: (fields) => void rows.push(fields) });
  reader.push(text);
  reader.end();
  return rows;
}

/** The delimiter under which the first rows have the most columns, all the same number of them; a comma where none has two. */
export function detectDelimiter(head: string): Delimiter {
  let best: Delimiter = ",";
  let most = 1;
  for (const delimiter of DELIMITERS) {
    let broken = false;
    // The last row may be cut by the head's end.
    const rows = parseCsv(head, delimiter, () => void (broken = true)).filter((fields) => fields.length > 1 || fields[0].trim() !== "");
    const whole = (rows.length > 1 ? rows.slice(0, -1) : rows).slice(0, 50);
    const columns = whole[0]?.length ?? 0;
    const steady = whole.filter((fields) => fields.length === columns).length / Math.max(1, whole.length);
    // A field with one quote left in it was cut in two by a separator that is none.
    const torn = whole.some((fields) => fields.some((field) => /^[^"]*"[^"]*$/.test(field)));
    const score = columns * (steady === 1 ? 1 : steady * 0.5) * (broken && steady < 1 ? 0.5 : 1) * (torn ? 0.5 : 1);
    if (columns > 1 && score > most) {
      best = delimiter;
      most = score;
    }
  }
  return best;
}
