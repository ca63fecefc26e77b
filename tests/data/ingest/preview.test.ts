import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { ingest } from "../../../src/data/ingest/files.ts";
import { encodeChat } from "../../../src/data/chat.ts";
import { preview, suggest } from "../../../src/data/ingest/preview.ts";
import { unknownShare } from "../../../src/data/ingest/sample.ts";
import { trainBpe, trainChar } from "../../../src/data/tokenizer/index.ts";

const TALE = Array.from({ length: 40_000 }, (_, i) => `Tale ${i % 97}: the fox and the hen went out.\n`).join("");
const file = (name: string, content: string | Uint8Array<ArrayBuffer>): { name: string; data: Blob } => ({ name, data: new Blob([content]) });

describe("a look at own files", () => {
  it("estimates tokens of a text from its first part, and of an archive from what it claims", async () => {
    const tokenizer = await trainBpe([TALE.slice(0, 20_000)], { vocabSize: 400 });
    const tokens = tokenizer.encode(TALE).length;
    for (const each of [file("a.txt", TALE), file("a.txt.gz", new Uint8Array(gzipSync(TALE)))]) {
      const look = await preview([each], { tokenizer });
      expect(look).toMatchObject({ kind: "text", textBytes: TALE.length, bytes: each.data.size, suggested: "mixture", unknownShare: 0 });
      expect(Math.abs(look.tokens! / tokens - 1)).toBeLessThan(0.01);
      expect(look.sample).toBe(TALE.slice(0, 600));
    }
    expect((await preview([file("a.txt", TALE)])).tokens).toBeUndefined();
  });

  it("names what is too little before anything is taken, with the file and both counts", async () => {
    const look = async (files: readonly (readonly [string, string])[], onBad: "skip" | "stop" = "stop"): Promise<(string | undefined)[]> =>
      (await preview(files.map(([name, text]) => file(name, text)), { minCharacters: 65, choices: { onBad } })).files.map(({ problem }) => problem && `${problem.code} ${problem.message}`);
    expect(await look([["a.txt", "hello there"]])).toEqual([expect.stringMatching(/^DATA_TOO_SHORT .*11 characters; at least 65/)]);
    expect(await look([["a.txt", "x".repeat(65)]])).toEqual([undefined]);
    expect(await look([["a.txt", "x".repeat(40)], ["b.txt", "y".repeat(40)]])).toEqual([undefined, undefined]);
    expect(await look([["a.txt", "x".repeat(80)], ["b.txt", " \n ".repeat(80)]])).toEqual([undefined, expect.stringMatching(/^DATA_EMPTY .*only white space/)]);
    expect(await look([["a.jsonl", '{"foo":1}\n']], "skip")).toEqual([expect.stringMatching(/^DATA_EMPTY .*0 usable lines \(1 skipped/)]);
  });

  it("believes no size that a damaged archive claims", async () => {
    const cut = new Uint8Array(gzipSync(TALE.slice(0, 5000)).subarray(0, -9));
    expect((await preview([file("a.txt.gz", cut)])).files[0]).toMatchObject({ textBytes: 0, problem: { code: "GZ_CORRUPT" } });
  });

  it("reads no more than the first megabyte", async () => {
    let pulled = 0;
    const piece = new TextEncoder().encode("x ".repeat(1 << 15));
    const data = { size: 4e9, slice: () => new Blob(["x "]), stream: () => new ReadableStream<Uint8Array>({ pull: (c) => { pulled++; c.enqueue(piece); } }, { highWaterMark: 0 }) };
    const look = await preview([{ name: "a.txt", data }]);
    expect(look).toMatchObject({ textBytes: 4e9, suggested: "pretrain" });
    expect(pulled * piece.length).toBeLessThanOrEqual((1 << 20) + 2 * piece.length);
  });

  it("shows a table's columns, rows and what is taken, and follows another choice", async () => {
    const csv = file("a.csv", "id;question;answer\n1;Who?;Ada.\n2;Where?;\"Here; there.\"\n");
    const look = await preview([csv]);
    expect(look.kind).toBe("chat");
    expect(look.files[0]!.csv).toMatchObject({ delimiter: ";", header: true, columns: ["id", "question", "answer"], chosen: { question: 1, answer: 2 }, rows: [["1", "Who?", "Ada."], ["2", "Where?", "Here; there."]] });
    const other = await preview([csv], { choices: { csv: { columns: { text: [2] } } } });
    expect([other.kind, other.sample]).toEqual(["text", "Ada.\nHere; there.\n"]);
  });

  it("shows of a table what its reading takes, however large the pieces are that it comes in", async () => {
    // By its first rows the one column is the longer, by all of them the other.
    const rows = Array.from({ length: 300 }, (_, i) => (i < 90 ? `${i},${"long ".repeat(250)},short\n` : `${i},short,${"longer ".repeat(300)}\n`));
    const bytes = new TextEncoder().encode(rows.join(""));
    const taken = async (piece: number): Promise<string> => {
      const stream = (): ReadableStream<Uint8Array> => new ReadableStream({
        start(c) {
          for (let at = 0; at < bytes.length; at += piece) c.enqueue(bytes.slice(at, at + piece));
          c.close();
        },
      });
      let text = "";
      const sink = { text: (part: string) => void (text += part), endDocument: () => undefined, example: () => undefined, blank: () => undefined, flush: async () => undefined };
      await ingest([{ name: "a.csv", data: { size: bytes.length, slice: (from: number, to: number) => new Blob([bytes.slice(from, to)]), stream } as never }], sink);
      return text;
    };
    const all = await taken(bytes.length);
    expect(await taken(1 << 16)).toBe(all);
    expect(await taken(999)).toBe(all);
    const { files, sample } = await preview([file("a.csv", bytes)]);
    expect(files[0]!.csv!.chosen).toEqual({ text: [1] });
    expect(all.startsWith(sample.slice(0, 500))).toBe(true);
  });

  it("names a line that is too long, though the first megabyte ends inside it", async () => {
    const lines = (long: number): string => `{"text":"ok then ok"}\n{"text":"${"x".repeat(long)}"}\n{"text":"ok"}\n`;
    for (const [long, code] of [[1_200_000, "JSONL_LINE_TOO_LONG"], [3_000_000, "JSONL_LINE_TOO_LONG"], [1_048_000, undefined]] as const) {
      expect((await preview([file("a.jsonl", lines(long))])).files[0]!.problem).toEqual(code && expect.objectContaining({ code, details: expect.objectContaining({ line: 2 }) }));
    }
  });

  it("tells conversations from text, over a line that the look cuts", async () => {
    const line = `${JSON.stringify({ prompt: "Who?", completion: "y".repeat(3000) })}\n`;
    const look = await preview([file("a.jsonl", line.repeat(500))]);
    expect(look.files[0]!.problem).toBeUndefined();
    expect(look).toMatchObject({ kind: "chat", suggested: "finetune" });
  });

  it("names what is wrong beside its file, with what would read it, and goes on with the others", async () => {
    const bad = Uint8Array.of(...new TextEncoder().encode("caf"), 0xc3, 0x20, 0x61, 0x62, 0x63, 0x64);
    const look = await preview([file("a.txt", bad), file("b.txt", "fine and well"), file("c.jsonl", "{\n"), file("d.txt", ""), file("e.gz", "no archive")]);
    expect(look.files.map(({ problem }) => problem?.code)).toEqual(["DATA_UTF8", undefined, "JSONL_PARSE", "DATA_EMPTY", "GZ_CORRUPT"]);
    expect(look.files[0]!.problem!.details["remedies"]).toEqual(["latin1", "utf-8-replace"]);
    expect((await preview([file("a.txt", bad)], { choices: { encoding: "latin1" } })).files[0]!.problem).toBeUndefined();
  });

  it("knows a file by the lines that can be read, and what they hold, where one cannot", async () => {
    const line = (i: number): string => JSON.stringify({ prompt: `What is ${i}?`, completion: `A number, ${i}.` });
    const lines = Array.from({ length: 40 }, (_, i) => (i === 16 ? "{broken" : i === 30 ? JSON.stringify({ prompt: "alone" }) : line(i)));
    const whole = await preview([file("qa.jsonl", Array.from({ length: 40 }, (_, i) => line(i)).join("\n"))]);
    const look = await preview([file("qa.jsonl", lines.join("\n"))]);
    expect(look.kind).toBe("chat");
    expect(look.files[0]).toMatchObject({ kind: "chat", problem: { code: "JSONL_PARSE" } });
    expect(Math.abs(look.characters! / whole.characters! - 1)).toBeLessThan(0.1);
    // Of a file without a readable line nothing is known.
    expect((await preview([file("bad.jsonl", "{broken\n{broken")])).files[0]).not.toHaveProperty("kind");
  });
});

describe("what is estimated", () => {
  const strange = Array.from({ length: 40_000 }, (_, i) => `\u0421\u043a\u0430\u0437\u043a\u0430 ${i % 97}: \u043b\u0438\u0441\u0430 \u0438 \u043a\u0443\u0440\u0438\u0446\u0430.\n`).join("");
  const off = (estimated: number, counted: number): number => Math.abs(estimated / counted - 1);

  it("comes from all files, and from places all through a file", async () => {
    const tokenizer = await trainBpe([TALE.slice(0, 20_000)], { vocabSize: 400 });
    const share = unknownShare(tokenizer, tokenizer.encode(strange.slice(0, 20_000)));
    const both = (strange.length * share) / (TALE.length + strange.length);
    const counted = tokenizer.encode(TALE + strange).length;
    // As two files, and as one whose second part begins after what is read first.
    for (const files of [[file("a.txt", TALE), file("b.txt", strange)], [file("a.txt", TALE + strange)]]) {
      const look = await preview(files, { tokenizer });
      expect(off(look.tokens!, counted)).toBeLessThan(0.1);
      expect(off(look.unknownShare!, both)).toBeLessThan(0.25);
      expect(look.sampled).toBeLessThan(0.2);
    }
    expect((await preview([file("a.txt", TALE.slice(0, 9000))], { tokenizer })).sampled).toBe(1);
  });

  it("is, of conversations, with the template, and without those that the context does not hold", async () => {
    const tokenizer = await trainBpe([TALE.slice(0, 20_000)], { vocabSize: 400 });
    const chats = Array.from({ length: 60 }, (_, i) => ({ messages: [{ role: "user" as const, content: `q ${i}` }, { role: "assistant" as const, content: i % 3 ? `a ${i}` : "the fox and the hen ".repeat(40) }] }));
    const sizes = chats.map(({ messages }) => encodeChat(tokenizer, messages).ids.length);
    const look = await preview([file("a.jsonl", chats.map((chat) => `${JSON.stringify(chat)}\n`).join(""))], { tokenizer, context: 64 });
    expect(look.examples).toEqual({ seen: 60, tooLong: 20, longest: Math.max(...sizes), context: 64 });
    expect(look.tokens).toBe(sizes.filter((size) => size - 1 <= 64).reduce((sum, size) => sum + size, 0));
    expect(look.sampled).toBe(1);
  });

  it("counts of a table the characters of its chosen columns alone", async () => {
    const table = `text,junk\n${"the fox went out,".concat("x".repeat(600), "\n").repeat(400)}`;
    expect((await preview([file("a.csv", table)], { choices: { csv: { columns: { text: [0] } } } })).characters).toBe(400 * "the fox went out\n".length);
  });
});

describe("what a look refuses", () => {
  it("names an archive that claims more than it may unpack to, and tells two kinds of lines apart", async () => {
    const bomb = new Uint8Array(gzipSync(new Uint8Array(80 * 2 ** 20).fill(0x61)));
    expect((await preview([file("a.txt.gz", bomb)])).files[0]!.problem).toMatchObject({ code: "GZ_TOO_LARGE", message: expect.stringContaining("claims that it unpacks to 83886080; 67108864 are the most") });
    const { kind, files } = await preview([file("a.jsonl", '{"text":"once"}\n'), file("b.jsonl", '{"prompt":"a","completion":"b"}\n')]);
    expect([kind, files.map((each) => each.kind)]).toEqual(["chat", ["text", "chat"]]);
  });
});

describe("what a tokenizer does not know", () => {
  it("is the share of characters without a token", async () => {
    const char = trainChar(["abc "]);
    expect(unknownShare(char, char.encode("abc xyz "))).toBe(3 / 8);
    const bpe = await trainBpe(["the fox and the hen \u00e9\u00e9\u00e9\u00e9"], { vocabSize: 400 });
    expect(unknownShare(bpe, bpe.encode("the hen \u00e9"))).toBe(0);
    expect(unknownShare(bpe, bpe.encode("\u6f22\u5b57 ok"))).toBe(2 / 5);
    expect(unknownShare(bpe, new Uint32Array(0))).toBe(0);
  });
});

describe("suggest", () => {
  it.each([["chat", 1e9, "finetune"], ["text", 5000, "finetune"], ["text", 500_000, "mixture"], ["text", 5e6, "pretrain"]] as const)("%s of %i bytes: %s", (kind, bytes, use) => {
    expect(suggest(kind, bytes).suggested).toBe(use);
  });
});
