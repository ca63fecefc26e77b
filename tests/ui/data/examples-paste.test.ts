/** Pasted tables: every common form is read, columns are found by name, what is not taken is named, and prose is not taken for a table. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDelimited, readPasted } from "../../../src/ui/data/examples-paste.ts";

const two = [{ question: "Who?", answer: "Dora." }, { question: "Where, exactly?", answer: 'In "Wexford"' }];
const rowsOf = (text: string) => readPasted(text)?.rows;
const notesOf = (text: string): string => readPasted(text)?.notes.join(" ") ?? "no table";

describe("a pasted table", () => {
  it.each([
    ["a spreadsheet's tabs", 'Who?\tDora.\nWhere, exactly?\t"In ""Wexford"""\n', ""],
    ["commas with a header and Windows line ends", 'question,answer\r\nWho?,Dora.\r\n"Where, exactly?","In ""Wexford"""\r\n', "The first line names the columns."],
    ["semicolons", 'Who?;Dora.\nWhere, exactly?;"In ""Wexford"""', ""],
    ["commas typed by hand", 'Who?, Dora.\n"Where, exactly?", In "Wexford"', ""],
    ["messages", two.map(({ question, answer }) => JSON.stringify({ messages: [{ role: "user", content: question }, { role: "assistant", content: answer }] })).join("\n"), ""],
    ["prompt and completion", two.map(({ question, answer }) => JSON.stringify({ prompt: question, completion: answer })).join("\n\n"), ""],
    ["instruction and output", two.map(({ question, answer }) => JSON.stringify({ instruction: question, input: "", output: answer })).join("\n"), ""],
    ["a JSON list of questions and answers", JSON.stringify(two, null, 2), ""],
  ])("is read as %s", (_what, text, notes) => {
    expect(rowsOf(text)).toEqual(two);
    expect(notesOf(text)).toBe(notes);
  });

  it.each([
    ["id,question,answer\n1,Who?,Dora.\n2,\"Where, exactly?\",\"In \"\"Wexford\"\"\"", 'Columns "question" and "answer" were taken; column "id" was left out.'],
    ["Answer;source;Prompt\nDora.;x;Who?\n\"In \"\"Wexford\"\"\";y;Where, exactly?", 'Columns "Prompt" and "Answer" were taken; column "source" was left out.'],
    ['id\tquestion\tanswer\n1\tWho?\tDora.\n2\tWhere, exactly?\t"In ""Wexford"""', 'column "id" was left out.'],
    ['17\tWho?\tDora.\n18\tWhere, exactly?\t"In ""Wexford"""', "Columns 2 and 3 were taken; column 1 was left out."],
    ['id0\thttps://a.example/1\tWho?\tDora.\nid1\thttps://a.example/2\tWhere, exactly?\t"In ""Wexford"""', "Columns 3 and 4 were taken; columns 1 and 2 were left out."],
    ['people\tWho?\tDora.\nplaces\tWhere, exactly?\t"In ""Wexford"""', "Columns 2 and 3 were taken; column 1 was left out."],
  ])("of three or more columns says which were taken: %j", (text, said) => {
    expect(rowsOf(text)).toEqual(two);
    expect(notesOf(text)).toContain(said);
  });

  it("takes the first two columns that hold words where none asks, and says so", () => {
    expect(readPasted("1\tthe sun\twarm days\tok\n2\tthe moon\tcool nights\tok")).toEqual({
      rows: [{ question: "the sun", answer: "warm days" }, { question: "the moon", answer: "cool nights" }],
      notes: ["Columns 2 and 3 were taken; columns 1 and 4 were left out."],
    });
  });

  it("adds an instruction's input to its question, in JSON and in columns", () => {
    const row = [{ question: "Add\n\n1 2", answer: "3" }];
    expect(rowsOf('{"instruction":"Add","input":"1 2","output":"3"}')).toEqual(row);
    expect(rowsOf("instruction\tinput\toutput\nAdd\t1 2\t3")).toEqual(row);
  });

  it("knows a header by one of two names, and does not take a person's words for one", () => {
    expect(rowsOf("Question\tReaction\na\tb")).toEqual([{ question: "a", answer: "b" }]);
    expect(rowsOf("Question\tThat is what I asked.\na\tb")).toHaveLength(2);
  });
});

describe("what is not taken", () => {
  it("is named by line where it is not JSON or holds no question, and the rest is pasted", () => {
    const good = (i: number): string => `{"prompt":"a${i}","completion":"b${i}"}`;
    const { rows, notes } = readPasted([good(0), good(1), "{nope", good(2), '{"x":1}', "", good(3)].join("\n"))!;
    expect(rows.map(({ question }) => question)).toEqual(["a0", "a1", "a2", "a3"]);
    expect(notes).toEqual(["Line 3 is not JSON and was left out.", "Line 5 has no question with an answer and was left out."]);
    expect(notesOf([good(0), good(1), good(2), good(3), good(4), good(5), ...Array.from({ length: 5 }, () => "{")].join("\n"))).toBe("Lines 7, 8, 9 and 2 more are not JSON and were left out.");
  });

  it("is named where a row has other fields than the rest, counting lines within cells", () => {
    const text = 'question,answer,tag\n"a\nb",c,x\nd,e,f,g\ng\n,,y\n,,\nh,i,z';
    expect(rowsOf(text)).toEqual([{ question: "a\nb", answer: "c" }, { question: "h", answer: "i" }]);
    expect(notesOf(text)).toBe('The first line names the columns. Columns "question" and "answer" were taken; column "tag" was left out. Lines 4 and 5 do not have the 3 fields of the others and were left out. Line 6 has neither question nor answer and was left out.');
  });

  it("is told of conversations that go on, and what the system says stands before the question", () => {
    const turn = (role: string, content: string) => ({ role, content });
    const text = JSON.stringify({ messages: [turn("system", "Be short."), turn("user", "Who?"), turn("assistant", "Dora."), turn("user", "Why?"), turn("assistant", "So.")] });
    expect(readPasted(text)).toEqual({ rows: [{ question: "Be short.\n\nWho?", answer: "Dora." }], notes: ["Of 1 conversation only the first question and answer were taken."] });
  });
});

describe("prose", () => {
  it.each([
    "One line of prose.", "Hello, you", "Well, well, said the fox, and left.\nNobody, however, saw it.", "", "{not json}",
    "Who is it, and why?\nIt is me, of course.", '"Well", she said.\n"Yes", he said.', "I came; I saw.\nI went; I slept.", "1,000 men\n2,000 women", "User, hello\nBot, hi",
    "if (x) {\n\treturn;\n}", "\tone\n\ttwo\n\tthree", '{"a":1,"b":2}\n{"a":3,"b":4}', '[1,2]\n[3,4]', "a line\na,line,of,four\nanother line",
  ])("is no table: %j", (text) => {
    expect(readPasted(text)).toBeNull();
  });
});

describe("delimited fields", () => {
  it("come back as they were written with tabs, whatever they were", () => {
    const cell = fc.string({ minLength: 1, maxLength: 20 }).map((text) => text.replaceAll("\r", "")).filter((text) => text.trim() !== "");
    fc.assert(fc.property(fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 8 }), (rows) => {
      const quote = (text: string): string => `"${text.replaceAll('"', '""')}"`;
      expect(parseDelimited(rows.map((row) => row.map(quote).join("\t")).join("\n"), "\t").map(({ fields }) => fields)).toEqual(rows);
    }));
  });

  it("keep a quote that is not closed before a separator, and every row after it", () => {
    expect(parseDelimited('"open 3\tb\n"Hello," he said\tc\nd\te', "\t").map(({ fields }) => fields)).toEqual([['"open 3', "b"], ['"Hello," he said', "c"], ["d", "e"]]);
  });

  it("lose nothing of any text but separators, line ends and quotes", () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom("a", '"', "\t", "\n", "b") }), (text) => {
      const read = parseDelimited(text, "\t").flatMap(({ fields }) => fields).join("");
      expect(read.replaceAll(/[\t\n"]/g, "")).toBe(text.replaceAll(/[\t\n"]/g, ""));
    }));
  });

  it("are read soon, however many quotes are left open", () => {
    const began = performance.now();
    readPasted('"a""b\n'.repeat(20_000));
    expect(performance.now() - began).toBeLessThan(5000);
  });
});
