import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CsvReader, detectDelimiter, parseCsv, type Delimiter } from "../../../src/data/ingest/csv.ts";
import { CsvRecords, lookAtCsv } from "../../../src/data/ingest/csv-records.ts";
import type { NestlingError } from "../../../src/core/errors.ts";
import { MAX_ROW_LENGTH } from "../../../src/data/ingest/types.ts";
import { CollectedRecords, errorOf } from "../support.ts";

const stop = (make: () => NestlingError): never => {
  throw make();
};
const rows = (text: string, delimiter: Delimiter = ","): string[][] => parseCsv(text, delimiter, stop);

/** RFC 4180's own way to write a field. */
const written = (field: string, always: boolean): string => (always || /[",;\t\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field);

describe("CsvReader", () => {
  it.each([
    ["plain fields", "a,b\nc,d\n", [["a", "b"], ["c", "d"]]],
    ["no line end at the end", "a,b\nc,d", [["a", "b"], ["c", "d"]]],
    ["CRLF", "a,b\r\nc,d\r\n", [["a", "b"], ["c", "d"]]],
    ["lone carriage returns", "a,b\rc,d\r", [["a", "b"], ["c", "d"]]],
    ["line ends and separators in quotes", '"a\nb","c,d"\r\n"e\r\nf",g\n', [["a\nb", "c,d"], ["e\r\nf", "g"]]],
    ["doubled quotes", '"say ""hi""",""""\n', [['say "hi"', '"']]],
    ["a quote inside an unquoted field", '5" disk,x\n', [['5" disk', "x"]]],
    ["empty fields, the last one too", ",,\n\"\",\n", [["", "", ""], ["", ""]]],
    ["an empty line as a row of one empty field", "a\n\nb", [["a"], [""], ["b"]]],
    ["nothing", "", []],
  ] as const)("reads %s", (_, text, expected) => {
    expect(rows(text)).toEqual(expected);
  });

  it("gives back what was written, however the text is cut into pieces", () => {
    const field = fc.string({ unit: fc.constantFrom("a", "é", '"', ",", ";", "\t", "\n", "\r", " ", "🐣"), maxLength: 6 });
    const table = fc.array(fc.array(field, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 6 });
    fc.assert(fc.property(table, fc.constantFrom<Delimiter>(",", ";", "\t"), fc.constantFrom("\n", "\r\n"), fc.boolean(), fc.array(fc.nat(9), { maxLength: 30 }), (fields, delimiter, end, quote, cuts) => {
      // A field that begins with a quote or holds a line end has to be quoted; `written` does that.
      const text = fields.map((row) => row.map((one) => written(one, quote)).join(delimiter)).join(end) + end;
      const got: string[][] = [];
      const reader = new CsvReader({ delimiter, onProblem: stop, onRow: (row) => void got.push(row) });
      let at = 0;
      for (const cut of cuts) {
        reader.push(text.slice(at, at + cut));
        at += cut;
      }
      reader.push(text.slice(at));
      reader.end();
      expect(got).toEqual(fields);
    }), { numRuns: 1500 });
  });

  it("names the line on which each row begins, over quoted line ends", () => {
    const lines: number[] = [];
    const reader = new CsvReader({ delimiter: ",", onProblem: stop, onRow: (_, line) => void lines.push(line) });
    reader.push('h,i\n"one\ntwo\r\nthree",x\r\nlast,y');
    reader.end();
    expect(lines).toEqual([1, 2, 5]);
  });

  it("names line and column of what follows a closing quote, and goes on with the next line when told to", () => {
    expect(errorOf(() => rows('a,b\n"x"y,z\n'))).toMatchObject({ code: "CSV_PARSE", details: { line: 2, column: 4 } });
    const problems: NestlingError[] = [];
    expect(parseCsv('a,b\n"x"y,z\nc,d\n', ",", (make) => void problems.push(make()))).toEqual([["a", "b"], ["c", "d"]]);
    expect(problems).toHaveLength(1);
  });

  it("names the line of a quote that is never closed", () => {
    const error = errorOf(() => rows('a,b\nc,"d\ne,f\n'));
    expect(error).toMatchObject({ code: "CSV_PARSE", details: { line: 2 } });
    expect(error.message).toContain("never closed");
  });

  it("goes on after the line of a quote that is never closed, and names and counts that row alone", () => {
    const problems: NestlingError[] = [];
    const got: [string[], number][] = [];
    const reader = new CsvReader({ delimiter: ",", onProblem: (make) => void problems.push(make()), onRow: (row, line) => void got.push([row, line]) });
    reader.push('q,a\n"x\ny",1\n2,"open 3,b\nc,"d ""e"""\nf,g');
    reader.end();
    expect(got).toEqual([[["q", "a"], 1], [["x\ny", "1"], 2], [["c", 'd "e"'], 5], [["f", "g"], 6]]);
    expect(problems.map(({ details }) => details["line"])).toEqual([4]);
    const first = problems.length;
    const long = new CsvReader({ delimiter: ",", onProblem: (make) => void problems.push(make()), onRow: (row, line) => void got.push([row, line]) });
    long.push('a,"\nb,c\n');
    for (let i = 0; i < 17; i++) long.push(`${"x".repeat(1 << 20)},${i}\n`);
    long.end();
    expect(problems.slice(first).map(({ details }) => details)).toEqual([expect.objectContaining({ line: 1, allowed: MAX_ROW_LENGTH })]);
    expect(got.slice(4).map(([row, line]) => [row[1], line])).toEqual([["c", 2], ...Array.from({ length: 17 }, (_, i) => [String(i), i + 3])]);
  });

  it("reads any text alike, whatever it holds and however it is cut into pieces", () => {
    const text = fc.string({ unit: fc.constantFrom("a", '"', '"', '""', ",", "\n", "\r\n", "\r", '\n"'), maxLength: 40 });
    const read = (pieces: readonly string[]): unknown[] => {
      const said: unknown[] = [];
      const reader = new CsvReader({ delimiter: ",", onProblem: (make) => void said.push(make().message), onRow: (row, line) => void said.push([row, line]) });
      for (const piece of pieces) reader.push(piece);
      reader.end();
      return said;
    };
    fc.assert(fc.property(text, (all) => {
      expect(read([...all])).toEqual(read([all]));
    }), { numRuns: 3000 });
  });

  it("gives up an unquoted row that is too long while it is read, and goes on with the next", () => {
    const problems: NestlingError[] = [];
    const got: string[][] = [];
    const reader = new CsvReader({ delimiter: ",", onProblem: (make) => void problems.push(make()), onRow: (row) => void got.push(row) });
    const piece = "x".repeat(1 << 20);
    for (let i = 0; i < 17; i++) reader.push(piece);
    expect(problems).toEqual([expect.objectContaining({ details: expect.objectContaining({ line: 1, allowed: MAX_ROW_LENGTH }) })]);
    reader.push(",z\na,b\n");
    reader.end();
    expect([got, problems.length]).toEqual([[["a", "b"]], 1]);
  });

  it("does not hold more of an unclosed quote than a row may have", () => {
    const reader = new CsvReader({ delimiter: ",", onProblem: stop, onRow: () => undefined });
    reader.push('a,"');
    const piece = "x".repeat(1 << 20);
    expect(errorOf(() => {
      for (let i = 0; i < 100; i++) reader.push(piece);
    })).toMatchObject({ code: "CSV_PARSE", details: { line: 1, allowed: MAX_ROW_LENGTH } });
  });
});

describe("detectDelimiter", () => {
  it.each([
    [",", "name,text\nAda,one; two\nBo,three"],
    [";", "name;text\nAda;one, two, three\nBo;four"],
    ["\t", "name\ttext\nAda\tone, two\nBo\tthree; four"],
    [",", '"a;b;c","d"\n"e;f","g"\n'],
    [",", "one column\nonly\n"],
    [";", 'x;"a, b\nc, d"\ny;"e, f"\n'],
    [";", `question;answer\n${"who?;me\n".repeat(8)}x;y;z\n${"where?;here, or there\n".repeat(9)}`],
    ["\t", `a\tb\n${"1\t2\n".repeat(20)}3\n${"4\t5\n".repeat(20)}`],
  ] as const)("finds %j", (delimiter, text) => {
    expect(detectDelimiter(text)).toBe(delimiter);
  });

  it("judges a text that is cut by its whole rows", () => {
    const cut = `${"one;two\n".repeat(9)}three;"four\nfive, six\n${"seven, eight\n".repeat(99)}`;
    expect(detectDelimiter(cut, true)).toBe(";");
  });
});

describe("columns", () => {
  it("takes a word above numbers for their name, and of unnamed columns the one that asks with the words after it", () => {
    const rows = Array.from({ length: 40 }, (_, i) => `${i + 1};Wer wohnt in Haus ${i}?;Dort wohnt Ada ${"und noch wer ".repeat(i % 3)}.`).join("\n");
    expect(lookAtCsv(`id;frage;antwort\n${rows}`)).toMatchObject({ delimiter: ";", header: true, columns: ["id", "frage", "antwort"], chosen: { question: 1, answer: 2 } });
    expect(lookAtCsv(`nr;was;wieso\n${rows}`)).toMatchObject({ header: true, chosen: { question: 1, answer: 2 } });
    expect(lookAtCsv(rows)).toMatchObject({ header: false, chosen: { question: 1, answer: 2 } });
    // A date after a question answers nothing in words.
    expect(lookAtCsv("Who went out?,2024-01-02\nWho came home?,2024-01-03\n")).toMatchObject({ header: false, chosen: { text: [0] } });
  });

  it("takes questions and answers where the header names them", () => {
    expect(lookAtCsv("id,Question,Answer\n1,Who?,Ada.\n").chosen).toEqual({ question: 1, answer: 2 });
    expect(lookAtCsv("prompt;completion\nWho?;Ada.\n")).toMatchObject({ delimiter: ";", header: true, chosen: { question: 0, answer: 1 } });
  });

  it("takes the column called text, else the longest", () => {
    expect(lookAtCsv("id,text,notes\n1,Once upon a time there was a fox,long long long long long long long long note\n").chosen).toEqual({ text: [1] });
    expect(lookAtCsv("1,Once upon a time there was a fox\n2,A hen went out and came home\n")).toMatchObject({ header: false, columns: ["column 1", "column 2"], chosen: { text: [1] } });
  });

  const read = (text: string, chosen?: Parameters<typeof lookAtCsv>[1], problems?: NestlingError[]): CollectedRecords => {
    const sink = new CollectedRecords();
    const records = new CsvRecords(sink, lookAtCsv(text, chosen), { name: "t.csv", onProblem: problems ? (make) => void problems.push(make()) : stop });
    records.push(text);
    records.end();
    return sink;
  };

  it("joins the chosen columns of a row into one document, with line feeds inside fields", () => {
    const text = 'title,text,n\nFox,"He ran\r\nhome",1\n,Hen,2\n\n';
    const sink = read(text, { columns: { text: [0, 1] } });
    expect(sink.documents).toEqual(["Fox\nHe ran\nhome", "Hen"]);
    expect(sink.blanks).toBe(1);
  });

  it("makes an example of a row's question and answer", () => {
    expect(read("question,answer\nWho?,Ada.\n").examples).toEqual([{ messages: [{ role: "user", content: "Who?" }, { role: "assistant", content: "Ada." }] }]);
  });

  it("names the line of a row with too few fields, and of a question without an answer", () => {
    const problems: NestlingError[] = [];
    const sink = read("question,answer\nWho?\nWhere?,\nWhen?,Now.\n", undefined, problems);
    expect(problems.map(({ code, details }) => [code, details["line"]])).toEqual([["CSV_PARSE", 2], ["CSV_PARSE", 3]]);
    expect(sink.examples).toHaveLength(1);
  });

  it("refuses a column that is not there, or none", () => {
    expect(errorOf(() => read("a,b\n1,2\n", { columns: { text: [2] } }))).toMatchObject({ code: "CSV_COLUMNS", details: { columns: 2 } });
    expect(errorOf(() => read("a,b\n1,2\n", { columns: { text: [] } })).code).toBe("CSV_COLUMNS");
  });
});
