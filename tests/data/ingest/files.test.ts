/** Own files from bytes to records: each of the faults 1 to 12 that people bring, and what is right beside it. */
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { checkSize, formOf, ingest, type IngestOptions } from "../../../src/data/ingest/files.ts";
import { CsvReader } from "../../../src/data/ingest/csv.ts";
import { JsonlReader } from "../../../src/data/ingest/jsonl.ts";
import { crc32, gzipCap } from "../../../src/data/ingest/gzip.ts";
import { MAX_FILE_BYTES, MAX_LINE_LENGTH, type ByteStream } from "../../../src/data/ingest/types.ts";
import { heldBytes, sweep } from "../../fuzz/fuzz.ts";
import { CollectedRecords, piecedBlob, rejectionOf, utf8 } from "../support.ts";

const LINE = '{"prompt":"Who?","completion":"Ada."}\n';
const packed = (text: string | Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(gzipSync(text));

async function read(files: Readonly<Record<string, string | Uint8Array<ArrayBuffer> | ByteStream>>, options: IngestOptions = {}): Promise<CollectedRecords & { report: Awaited<ReturnType<typeof ingest>> }> {
  const sink = new CollectedRecords();
  const list = Object.entries(files).map(([name, data]) => ({ name, data: typeof data === "string" || data instanceof Uint8Array ? new Blob([data]) : data }));
  return Object.assign(sink, { report: await ingest(list, sink, options) });
}
const fault = (...args: Parameters<typeof read>): ReturnType<typeof rejectionOf> => rejectionOf(read(...args));

describe("own files", () => {
  it("are read as documents in order, whatever their line ends, with a report of what came", async () => {
    const { documents, report } = await read({ "a.txt": "\ufeffone\r\ntwo\rthree", "b.md": "# four\n" });
    expect(documents).toEqual(["one\ntwo\nthree", "# four\n"]);
    expect(report).toEqual({ kind: "text", files: ["a.txt", "b.md"], sourceBytes: 24, documents: 2, characters: 20, skipped: 0, problems: [], replaced: 0, blank: 0 });
  });

  it("are read in all three chat forms and as documents of a JSON field", async () => {
    const text = `{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}\n{"prompt":"a","completion":"b"}\r\n{"instruction":"a","input":"","output":"b"}\n\n{"instruction":"x","input":"y","output":"z","id":4}`;
    const { examples, report } = await read({ "c.jsonl": text });
    expect(examples.map(({ messages }) => messages.map(({ content }) => content))).toEqual([["a", "b"], ["a", "b"], ["a", "b"], ["x\n\ny", "z"]]);
    expect(report).toMatchObject({ kind: "chat", documents: 4, blank: 1 });
    expect((await read({ "d.ndjson": '{"text":"one\\r\\ntwo"}\n{"text":"three"}' })).documents).toEqual(["one\ntwo", "three"]);
  });

  it.each([["a.txt", "once upon"], ["b.jsonl", LINE], ["c.csv", "question,answer\nWho?,Ada.\n"]])("are unpacked from gzip to the same records: %s", async (name, text) => {
    const plain = await read({ [name]: text });
    for (const sizes of [[1 << 20], [1, 2, 3, 5]]) {
      const unpacked = await read({ [`${name}.gz`]: piecedBlob(packed(text), sizes) });
      expect([unpacked.documents, unpacked.examples]).toEqual([plain.documents, plain.examples]);
    }
    // An archive that lost its ending's name is known by its first bytes.
    expect((await read({ [name]: packed(text) })).report.documents).toBe(1);
  });

  it("say their form by name", () => {
    expect([formOf("a.TXT"), formOf("b.csv.gz"), formOf("c.ndjson"), formOf("d")]).toEqual([
      { form: "text", gzip: false }, { form: "csv", gzip: true }, { form: "jsonl", gzip: false }, { form: "text", gzip: false },
    ]);
  });

  it("1: empty, or only white space, are DATA_EMPTY with the number needed", async () => {
    const error = await fault({ "notes.txt": "" }, { minCharacters: 65 });
    expect(error).toMatchObject({ code: "DATA_EMPTY", details: { needed: 65 } });
    expect(error.message).toContain('"notes.txt" is empty');
    for (const text of [" \n\t\n", "\ufeff"]) expect((await fault({ "notes.txt": text })).code).toBe("DATA_EMPTY");
    expect((await fault({ "notes.jsonl": "\n\n" })).code).toBe("DATA_EMPTY");
    expect((await fault({ "notes.csv": "question,answer\n" })).code).toBe("DATA_EMPTY");
  });

  it("2: shorter than one context are DATA_TOO_SHORT with both counts, and one that just fits is taken", async () => {
    expect(await fault({ "notes.txt": "x".repeat(64) }, { minCharacters: 65 })).toMatchObject({ code: "DATA_TOO_SHORT", details: { characters: 64, needed: 65 } });
    expect((await read({ "notes.txt": "x".repeat(65) }, { minCharacters: 65 })).report.characters).toBe(65);
    expect((await read({ "a.txt": "x".repeat(33), "b.txt": "y".repeat(32) }, { minCharacters: 65 })).documents).toHaveLength(2);
  });

  it("3: invalid UTF-8 is DATA_UTF8 with its byte; Latin-1 and replacement read it, and replacements are counted", async () => {
    const bytes = Uint8Array.of(...utf8("caf"), 0xc3, ...utf8(" x"));
    expect(await fault({ "a.txt": bytes })).toMatchObject({ code: "DATA_UTF8", details: { offset: 3, file: "a.txt" } });
    expect((await read({ "a.txt": bytes }, { encoding: "latin1" })).documents).toEqual(["caf\u00c3 x"]);
    const replaced = await read({ "a.txt": bytes }, { encoding: "utf-8-replace" });
    expect([replaced.documents, replaced.report.replaced]).toEqual([["caf\ufffd x"], 1]);
  });

  it("4 and 5: UTF-16 and binary files are told apart, packed ones too", async () => {
    const utf16 = Uint8Array.of(0xff, 0xfe, ...[..."Hello there"].flatMap((c) => [c.charCodeAt(0), 0]));
    expect(await fault({ "a.txt": utf16 })).toMatchObject({ code: "DATA_ENCODING", details: { remedies: ["utf-16le"] } });
    expect((await read({ "a.txt": utf16 }, { encoding: "utf-16le" })).documents).toEqual(["Hello there"]);
    const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0);
    for (const bytes of [png, packed(png)]) expect((await fault({ "a.txt": bytes })).code).toBe("DATA_BINARY");
  });

  it("6: over the limit are DATA_TOO_LARGE before a byte is read", async () => {
    const never = (): never => {
      throw new Error("was read");
    };
    const huge: ByteStream = { size: MAX_FILE_BYTES + 1, stream: never, slice: never };
    expect(await fault({ "a.txt": "fine", "b.txt": huge })).toMatchObject({ code: "DATA_TOO_LARGE", details: { file: "b.txt", size: MAX_FILE_BYTES + 1, allowed: MAX_FILE_BYTES } });
    expect(() => checkSize("a", MAX_FILE_BYTES)).not.toThrow();
    expect(MAX_FILE_BYTES).toBeGreaterThan(5e9);
  });

  it("7: one long line is text, and JSONL_LINE_TOO_LONG with its length and byte in JSONL, in memory that does not grow with it", async () => {
    const lines = 40;
    const piece = utf8("x".repeat(1 << 20));
    const head = utf8(LINE);
    const stream = (): ReadableStream<Uint8Array> => {
      let turn = 0;
      return new ReadableStream({ pull: (controller) => (turn++ === 0 ? controller.enqueue(head) : turn <= lines + 1 ? controller.enqueue(piece) : controller.close()) });
    };
    const data: ByteStream = { size: head.length + lines * piece.length, stream, slice: (start, end) => new Blob([head]).slice(start, end) };
    expect(await fault({ "a.jsonl": data })).toMatchObject({ code: "JSONL_LINE_TOO_LONG", details: { line: 2, length: lines * piece.length, allowed: MAX_LINE_LENGTH, byte: head.length } });
    const skipping = await read({ "a.jsonl": data }, { onBad: "skip" });
    expect(skipping.report).toMatchObject({ documents: 1, skipped: 1 });
    expect((await read({ "a.txt": data })).report.characters).toBe(data.size);
  });

  it("8: a bad line is JSONL_PARSE with line, column and byte; skipping counts it and loses nothing else", async () => {
    const text = `${LINE.repeat(15)}{"prompt":"\u00e9\u00e9","completion":"x"}\n{"prompt": nope}\n${LINE.repeat(3)}`;
    const byte = utf8(text.slice(0, text.indexOf('{"prompt": nope}'))).length;
    expect(await fault({ "a.jsonl": text })).toMatchObject({ code: "JSONL_PARSE", details: { file: "a.jsonl", line: 17, column: 13, byte } });
    for (const sizes of [[7], [1000]]) {
      const { report, examples } = await read({ "a.jsonl": piecedBlob(utf8(text), sizes) }, { onBad: "skip" });
      expect(report).toMatchObject({ documents: 19, skipped: 1 });
      expect(report.problems[0]).toMatchObject({ code: "JSONL_PARSE", details: { line: 17, byte } });
      expect(examples).toHaveLength(19);
    }
    expect((await fault({ "a.jsonl": "nope\n" }, { onBad: "skip" })).code).toBe("DATA_EMPTY");
  });

  it("8: a byte order mark counts among the bytes before a bad line", async () => {
    const marked = Uint8Array.of(0xef, 0xbb, 0xbf, ...utf8(`${LINE}nope\n`));
    expect(await fault({ "a.jsonl": marked })).toMatchObject({ details: { line: 2, byte: 3 + utf8(LINE).length } });
  });

  it("holds nothing of a line or row while it is longer than may be", () => {
    const onProblem = (): void => undefined;
    for (const reader of [new JsonlReader(new CollectedRecords(), { onProblem }), new CsvReader({ delimiter: ",", onProblem, onRow: onProblem })]) {
      for (let i = 0; i < 20; i++) reader.push(Buffer.alloc(1 << 20, 0x61 + i).toString("latin1"));
      sweep();
      const before = heldBytes();
      for (let i = 0; i < 150; i++) reader.push(Buffer.alloc(1 << 20, 0x61 + (i % 26)).toString("latin1"));
      sweep();
      expect(heldBytes() - before).toBeLessThan(30 * 2 ** 20);
    }
  });

  it.each([
    ["no field that is read", '{"question":"a"}', "JSONL_SCHEMA"],
    ["a completion that is missing", '{"prompt":"a"}', "JSONL_SCHEMA"],
    ["a field that is no string", '{"prompt":"a","completion":7}', "JSONL_SCHEMA"],
    ["an input that is null", '{"instruction":"a","input":null,"output":"b"}', "JSONL_SCHEMA"],
    ["a document among conversations", '{"text":"a"}', "JSONL_SCHEMA"],
    ["10,000 lists inside each other", `{"prompt":${"[".repeat(10_000)}${"]".repeat(10_000)}}`, "JSONL_TOO_DEEP"],
  ])("9: %s is refused with its line", async (_, line, code) => {
    expect(await fault({ "a.jsonl": LINE + line })).toMatchObject({ code, details: { line: 2 } });
  });

  it.each([
    ["over many lines", '[\n{"prompt":"a","completion":"b"},\n{"prompt":"c","completion":"d"}\n]\n'],
    ["on one line", ' [{"prompt":"a","completion":"b"}]'],
    ["on one line that is too long to be read", `[{"text":"${"x".repeat(MAX_LINE_LENGTH)}"}]`],
  ])("9: one JSON list %s is refused whole, with what to make of it", async (_, text) => {
    for (const onBad of ["stop", "skip"] as const) {
      const error = await fault({ "a.json": text }, { onBad });
      expect(error).toMatchObject({ code: "JSONL_LIST", details: { line: 1 } });
      expect(error.message).toMatch(/JSON Lines.*each object on a line of its own/);
    }
    expect((await fault({ "a.jsonl": '[1,2]\n' })).code).toBe("JSONL_SCHEMA");
  });

  it("10: keys named __proto__ and constructor are data, and no prototype changes", async () => {
    const before = Object.getOwnPropertyNames(Object.prototype).join();
    const { examples } = await read({ "a.jsonl": `{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},${LINE.slice(1)}` });
    expect(examples).toHaveLength(1);
    expect((await fault({ "a.jsonl": '{"__proto__":{"prompt":"a","completion":"b"}}' })).code).toBe("JSONL_SCHEMA");
    const { documents } = await read({ "a.csv": "__proto__,text\nconstructor,hello there\n" });
    expect(documents).toEqual(["hello there"]);
    expect(Object.getOwnPropertyNames(Object.prototype).join()).toBe(before);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  it("11: an archive that unpacks beyond its cap is GZ_TOO_LARGE there, and is read no further", async () => {
    const maxBytes = 8 * 2 ** 20;
    const bomb = packed(new Uint8Array(2 * maxBytes).fill(0x61));
    let taken = 0;
    const sink = Object.assign(new CollectedRecords(), { text: (piece: string) => void (taken += piece.length) });
    const error = await rejectionOf(ingest([{ name: "bomb.txt.gz", data: new Blob([bomb]) }], sink, { maxBytes }));
    expect(error).toMatchObject({ code: "GZ_TOO_LARGE", details: { packedBytes: bomb.length, allowed: maxBytes } });
    expect(taken).toBeLessThanOrEqual(maxBytes);
    expect(error.message).toContain(`more than ${maxBytes}, the most that is allowed for it (200 times its size or 67108864, whichever is more, and ${maxBytes} in all)`);
    expect(gzipCap(10_000_000)).toBe(2e9);
    expect(gzipCap(1e9)).toBe(MAX_FILE_BYTES);
  });

  it("12: a cut, damaged or continued archive is GZ_CORRUPT", async () => {
    const whole = packed("once upon a time there was a fox. ".repeat(400));
    const cases: Uint8Array<ArrayBuffer>[] = [
      whole.slice(0, -1), whole.slice(0, -8), whole.slice(0, whole.length >> 1), whole.slice(0, 12),
      Uint8Array.of(...whole, 0), Uint8Array.of(...whole, ...utf8("garbage")), Uint8Array.of(...whole, ...packed("another")),
      whole.map((byte, i) => (i === whole.length - 6 ? byte ^ 1 : byte)), whole.map((byte, i) => (i === 30 ? byte ^ 0x10 : byte)),
    ];
    for (const bytes of cases) expect((await fault({ "a.txt.gz": bytes })).code).toBe("GZ_CORRUPT");
    expect((await fault({ "a.txt.gz": "not packed at all" })).code).toBe("GZ_CORRUPT");
    // Where more comes out than the end claims, the rest is not unpacked only to be thrown away.
    const many = await fault({ "a.txt.gz": Uint8Array.from({ length: 1000 * whole.length }, (_, i) => whole[i % whole.length]!) });
    expect(many).toMatchObject({ code: "GZ_CORRUPT", details: { claimed: 400 * 34 } });
    expect(many.details!["unpackedBytes"]).toBeLessThan(20 * 400 * 34);
    expect((await read({ "a.txt.gz": whole })).report.characters).toBe(400 * 34);
  });

  it("of both kinds in one drop are DATA_MIXED", async () => {
    expect((await fault({ "a.txt": "once upon a time", "b.jsonl": LINE })).code).toBe("DATA_MIXED");
  });

  it("that vanish while they are read are DATA_UNREADABLE", async () => {
    const gone: ByteStream = { size: 9, slice: () => new Blob(["ab"]), stream: () => new ReadableStream({ start: (controller) => controller.error(new DOMException("gone", "NotFoundError")) }) };
    expect(await fault({ "a.txt": gone })).toMatchObject({ code: "DATA_UNREADABLE", details: { file: "a.txt" } });
  });

  it("can be stopped, and tell how far they are", async () => {
    const shares: number[] = [];
    await read({ "a.txt": piecedBlob(utf8("once upon a time"), [4]) }, { onProgress: (share) => void shares.push(share) });
    expect(shares).toEqual([0.25, 0.5, 0.75, 1]);
    expect((await fault({ "a.txt": "once upon a time" }, { shouldStop: () => true })).code).toBe("CANCELLED");
  });
});

describe("crc32", () => {
  it("is that of gzip, in pieces too", () => {
    const bytes = utf8("The quick brown fox jumps over the lazy dog");
    expect(crc32(bytes)).toBe(0x414fa339);
    expect(crc32(bytes.subarray(9), crc32(bytes.subarray(0, 9)))).toBe(0x414fa339);
  });
});
