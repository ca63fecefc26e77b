import { describe, expect, it } from "vitest";
import type { CorpusPreview, CorpusSummary, FileLook } from "../../../src/protocol/index.ts";
import { epochsWords, leftOutWords, lookWords, mixedFiles, remediesOf, titleOf, tokenizerWords, tokensWords } from "../../../src/ui/data/data-words.ts";

const report = (code: string, details: Record<string, unknown> = {}, message = "") => ({ code, message, details });
const look = (name: string, form: FileLook["form"], more: Partial<FileLook> = {}): FileLook => ({ name, form, gzip: false, bytes: 1200, textBytes: 1200, ...more });

describe("ways out of a problem", () => {
  it.each([
    ["DATA_UTF8", {}, "", ["latin1", "utf-8-replace"]],
    ["DATA_ENCODING", { remedies: ["utf-16be"] }, "", ["utf-16be"]],
    // Thrown across the worker's border, an error keeps its words alone.
    ["DATA_ENCODING", {}, '"a.txt" looks like UTF-16 (byte order mark fe ff); only', ["utf-16be"]],
    ["DATA_ENCODING", {}, '"a.txt" looks like UTF-16 (byte order mark ff fe); only', ["utf-16le"]],
    ["JSONL_PARSE", {}, "", ["skip"]], ["JSONL_SCHEMA", {}, "", ["skip"]], ["JSONL_TOO_DEEP", {}, "", ["skip"]], ["JSONL_LINE_TOO_LONG", {}, "", ["skip"]], ["CSV_PARSE", {}, "", ["skip"]],
    ["DATA_BINARY", {}, "", []], ["DATA_EMPTY", {}, "", []], ["GZ_CORRUPT", {}, "", []], ["CSV_COLUMNS", {}, "", []],
    ["DATA_UTF8", { remedies: ["nonsense"] }, "", []],
  ] as const)("of %s %o are the known ones", (code, details, message, wanted) => {
    const found = remediesOf(report(code, details, message));
    expect(found.map(({ id }) => id)).toEqual(wanted);
    expect(found.every(({ label, choices }) => label.length > 5 && Object.keys(choices).length === 1)).toBe(true);
  });
});

describe("words about data", () => {
  it("tell how often it is read", () => {
    expect([0.12, 0.99, 1.1, 4, 28.3, 153].map(epochsWords)).toEqual(["12% of it read once", "read about once", "read about 1.1 times", "read about 4 times", "read about 28 times", "read about 150 times"]);
  });

  it("tell tokens to two digits", () => {
    expect([1, 334, 41_234, 1_290_000].map(tokensWords)).toEqual(["about 1 token", "about 330 tokens", "about 41,000 tokens", "about 1.30 M tokens"]);
  });

  it("tell a file's form and sizes", () => {
    expect(lookWords(look("a.csv.gz", "csv", { gzip: true, textBytes: 5000 }))).toBe("table (CSV), 1.20 kB packed, 5.00 kB unpacked");
    expect(lookWords(look("a.md", "text"))).toBe("text, 1.20 kB");
  });

  it("warn of what the base has no token for, and only where it is the base that reads", () => {
    expect([0.031, 0.001, undefined].map((unknownShare) => tokenizerWords("finetune", { unknownShare }))).toEqual([
      "The base's tokenizer has no token for 3.1% of it: such characters cost several tokens each, or are lost. Pre-training would make its own.", "The base's tokenizer has no token for 0.1% of it, too little to matter.", "",
    ]);
    expect(tokenizerWords("finetune", { unknownShare: 0, sampled: 1 })).toBe("The base's tokenizer knows every character of it.");
    expect(tokenizerWords("finetune", { unknownShare: 0, sampled: 0.05 })).toBe("The base's tokenizer knows every character of the 5.0% of it that was looked at.");
    expect(tokenizerWords("pretrain", { unknownShare: 0.5 })).not.toContain("50%");
  });

  it("say how many conversations the base's context does not hold, and of how many that is", () => {
    const examples = { seen: 100, tooLong: 90, longest: 312, context: 64 };
    expect(tokenizerWords("finetune", { examples })).toBe("90 of 100 conversations are longer than the base's context of 64 tokens and will be left out; the longest has 312.");
    expect(tokenizerWords("finetune", { examples: { ...examples, tooLong: 1 }, sampled: 0.2 })).toMatch(/^Of 100 conversations looked at, 1 is longer/);
    expect(tokenizerWords("finetune", { examples: { ...examples, tooLong: 0 } })).toBe("");
  });

  it("name many files by the first", () => {
    const files = ["a.txt", "b.txt", "c.txt"].map((name) => ({ name, data: new Blob() }));
    expect([titleOf(files), titleOf(files.slice(0, 1))]).toEqual(["a.txt and 2 more", "a.txt"]);
    expect(titleOf([{ name: "x".repeat(999), data: new Blob() }]).length).toBe(200);
  });

  it("see running text beside questions with answers", () => {
    const preview = (kind: "text" | "chat", files: FileLook[]): CorpusPreview => ({ kind, files, bytes: 0, textBytes: 0, sample: "", suggested: "pretrain", why: "" });
    expect(mixedFiles(preview("chat", [look("q.jsonl", "jsonl"), look("story.txt", "text", { kind: "text" })]))).toMatch(/^story\.txt is running text/);
    expect(mixedFiles(preview("chat", [look("q.jsonl", "jsonl", { kind: "chat" }), look("t.jsonl", "jsonl", { kind: "text" })]))).toMatch(/^t\.jsonl is running text/);
    expect(mixedFiles(preview("chat", [look("q.jsonl", "jsonl", { kind: "chat" })]))).toBe("");
    expect(mixedFiles(preview("text", [look("a.txt", "text"), look("b.csv", "csv")]))).toBe("");
  });

  it("count what was left out, with the first reason, and what was replaced", () => {
    const summary = (skipped: number, replaced: number): CorpusSummary => ({
      id: "own:1", title: "talk.jsonl", description: "", bytes: 1, kind: "chat",
      report: { files: [], sourceBytes: 1, documents: 1, characters: 1, skipped, replaced, blank: 0, problems: skipped === 0 ? [] : [report("JSONL_PARSE", {}, '"talk.jsonl", line 17: it is not JSON. Nothing was changed; mend it.')] },
    });
    expect(leftOutWords(summary(0, 0))).toBe("");
    expect(leftOutWords(summary(1, 0))).toBe('1 line or row of talk.jsonl left out. The first: "talk.jsonl", line 17: it is not JSON.');
    expect(leftOutWords(summary(3, 2))).toMatch(/^3 lines or rows of .* 2 wrong byte sequences of talk\.jsonl replaced/);
  });
});
