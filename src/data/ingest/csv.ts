/**
 * Reads CSV piece by piece (RFC 4180): quoted fields with doubled quotes and line ends inside them, CRLF or LF. A quote inside an
 * unquoted field stands for itself, as spreadsheets have it. A quote that is never closed costs its own line, not the file after it.
 * What the columns mean is `csv-records.ts`.
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

type State = "start" | "plain" | "quoted" | "quote" | "bad" | "lost";

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
  /** Where the open quote stands in the piece at hand, and the pieces since it: read anew from the next line on, should it never close. */
  #openAt = 0;
  #open: string[] = [];
  readonly #delimiter: number;
  /** Next character that ends a run outside quotes. */
  readonly #stop: RegExp;

  constructor(readonly options: CsvOptions) {
    this.#delimiter = options.delimiter.charCodeAt(0);
    this.#stop = new RegExp(`[${options.delimiter === "\t" ? "\\t" : options.delimiter}\\r\\n]`, "g");
  }

  push(piece: string): void {
    let text = this.#held + piece;
    this.#held = "";
    this.#openAt = 0;
    for (let i = 0; i < text.length; ) {
      // Two characters decide at a carriage return: wait for the second.
      if (this.#state !== "quoted" && i + 1 === text.length && text.charCodeAt(i) === CR) {
        this.#held = "\r";
        break;
      }
      i = this.#step(text, i);
      if (this.#state !== "lost") continue;
      [text, i] = [this.#afterQuote(text), 0];
    }
    if (this.#state === "quoted" || this.#state === "quote") this.#open.push(text.slice(this.#openAt));
  }

  /**
   * What stands after the line of a quote that never closed, or closed where it cannot; reading goes on there. That reads a stretch of
   * text twice at most: until its end all quotes in it are doubled, or one had closed this one, and doubled ones open nothing.
   */
  #afterQuote(text: string): string {
    const rest = [...this.#open, text.slice(this.#openAt)].join("");
    const lineEnd = rest.indexOf("\n");
    this.#open = [];
    this.#openAt = 0;
    this.#line = this.#quoteLine;
    this.#state = "bad";
    return lineEnd < 0 ? "" : rest.slice(lineEnd);
  }

  end(): void {
    if (this.#held !== "") {
      this.#held = "";
      this.#step("\r", 0);
    }
    if (this.#state === "quoted") {
      this.#bad(`a quote opened on line ${this.#quoteLine} is never closed`, this.#quoteLine);
      this.push(this.#afterQuote(""));
      return this.end();
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
          this.#open = [];
          this.#openAt = i + 1;
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
        const column = this.#lineLength + 1;
        const lost = this.#quoteLine < this.#line;
        if (lost) this.#bad(`a quote opened on line ${this.#quoteLine} is closed on line ${this.#line} at column ${column}, in the middle of a field`, this.#quoteLine, { column });
        else this.#bad(`${JSON.stringify(text[i])} follows a closing quote at column ${column}; a separator or the line's end must`, this.#line, { column });
        this.#state = lost ? "lost" : "bad";
        return i;
      }
      case "lost":
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
    this.#state = quoted ? "lost" : "bad";
  }

  #newLine(): void {
    this.#line++;
    this.#lineLength = 0;
  }

  #endField(): void {
    if (this.#open.length > 0) this.#open = [];
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

/** All rows of a text; for a file's first part and for tests. @param cut the text goes on elsewhere: its last row is left out */
export function parseCsv(text: string, delimiter: Delimiter, onProblem: OnProblem, cut = false): string[][] {
  const rows: string[][] = [];
  const reader = new CsvReader({ delimiter, onProblem, onRow: (fields) => void rows.push(fields) });
  reader.push(text);
  if (!cut) reader.end();
  return rows;
}

/** Rows that a delimiter is judged by, and how much of a text is read at a time until there are so many. */
const JUDGED_ROWS = 50;
const JUDGED_PIECE = 1 << 12;

/** The first rows that are not blank. */
function firstRows(head: string, delimiter: Delimiter, onProblem: OnProblem, cut: boolean): string[][] {
  const rows: string[][] = [];
  const reader = new CsvReader({ delimiter, onProblem, onRow: (fields) => void (fields.length > 1 || fields[0].trim() !== "" ? rows.push(fields) : 0) });
  for (let at = 0; at < head.length && rows.length < JUDGED_ROWS; at += JUDGED_PIECE) reader.push(head.slice(at, at + JUDGED_PIECE));
  // Of one row that is cut, what there is must do.
  if (rows.length === 0 || (!cut && rows.length < JUDGED_ROWS)) reader.end();
  return rows.slice(0, JUDGED_ROWS);
}

/** The delimiter under which the first row has the most columns and most others as many; a comma where none has two. @param cut the text goes on elsewhere */
export function detectDelimiter(head: string, cut = false): Delimiter {
  let best: Delimiter = ",";
  let most = 1;
  for (const delimiter of DELIMITERS) {
    let broken = false;
    const whole = firstRows(head, delimiter, () => void (broken = true), cut);
    const columns = whole[0]?.length ?? 0;
    const steady = whole.filter((fields) => fields.length === columns).length / Math.max(1, whole.length);
    // A field with one quote left in it was cut in two by a separator that is none.
    const torn = whole.some((fields) => fields.some((field) => /^[^"]*"[^"]*$/.test(field)));
    const score = columns * steady ** 2 * (broken && steady < 1 ? 0.5 : 1) * (torn ? 0.5 : 1);
    if (columns > 1 && score > most) {
      best = delimiter;
      most = score;
    }
  }
  return best;
}
