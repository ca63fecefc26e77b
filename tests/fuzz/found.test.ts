/** Files that the fuzzer found, each with the fault it showed and the answer it gets since. New findings are added here. */
import { describe, expect, it } from "vitest";
import { crc32c } from "../../src/core/hash.ts";
import { CsvReader, parseCsv } from "../../src/data/ingest/csv.ts";
import { loadTokenizer, trainChar } from "../../src/data/index.ts";
import { presets } from "../../src/protocol/presets.ts";
import { validateRecipe } from "../../src/protocol/recipe-fields.ts";
import { bytesSource, decodeCheckpoint, encodeCheckpoint, manifestText, parseManifest, parseSafetensors, readZip, writeZip, type CheckpointManifest } from "../../src/store/index.ts";
import { parseJson } from "../../src/store/huggingface.ts";
import { decodeRecords, encodeRecords } from "../../src/store/run-log.ts";
import { codeOf, errorOf, tinyCheckpoint } from "../store/helpers.ts";
import { utf8 } from "./specimens.ts";

/** What JSON makes of it cannot be turned into text: String() of it throws. */
const TONGUELESS = JSON.parse('{"toString": 1, "valueOf": 1}') as unknown;
const deep = (depth: number): unknown => JSON.parse("[".repeat(depth) + "]".repeat(depth));

function safetensorsOf(header: unknown): Uint8Array {
  const text = utf8(JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

const rowsAndProblems = (text: string): { rows: string[][]; problems: string[] } => {
  const problems: string[] = [];
  return { rows: parseCsv(text, ",", (make) => void problems.push(make().message)), problems };
};

describe("files that took many times their size", () => {
  it("CSV: a row of more separators than any table has is one bad row, and the next is read", () => {
    const { rows, problems } = rowsAndProblems(`a,b\n${",".repeat(100_000)}\n1,2\n`);
    expect(rows).toEqual([["a", "b"], ["1", "2"]]);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain("Line 2: the row has more than 16384 fields");
    expect(rowsAndProblems(`${",".repeat(16_383)}\n`).rows[0]).toHaveLength(16_384);
  });

  it("CSV: doubled quotes are one quote each, wherever a piece is cut", () => {
    const text = 'a,"""x"" and """"",b\n"""","",""""""\n';
    const want = [["a", '"x" and ""', "b"], ['"', "", '""']];
    expect(rowsAndProblems(text)).toEqual({ rows: want, problems: [] });
    for (let cut = 0; cut <= text.length; cut++) {
      const rows: string[][] = [];
      const reader = new CsvReader({ delimiter: ",", onProblem: (make) => { throw make(); }, onRow: (fields) => void rows.push(fields) });
      reader.push(text.slice(0, cut));
      reader.push(text.slice(cut));
      reader.end();
      expect(rows, `cut at ${cut}`).toEqual(want);
    }
  });

  it("safetensors and tokenizer.json: lists and objects of more members than a model has, counted before they are built", async () => {
    expect(await codeOf(() => parseSafetensors(safetensorsOf({ a: { dtype: "F32", shape: new Array(1000).fill(0), data_offsets: [0, 0] } })))).toBe("ST_HEADER_TOO_LARGE");
    expect(await codeOf(() => loadTokenizer(`{"model":[${"0,".repeat(300_001)}0]}`))).toBe("TOKENIZER_FORMAT");
    expect(await codeOf(() => parseJson(utf8(`{"merges":[${"0,".repeat(1_000_001)}0]}`), "tokenizer.json"))).toBe("TOKENIZER_FORMAT");
  });
});

describe("files that were answered with the language's own error, or not at all", () => {
  it("safetensors: a dtype that has no text", async () => {
    expect(await codeOf(() => parseSafetensors(safetensorsOf({ a: { dtype: TONGUELESS, shape: [], data_offsets: [0, 0] } })))).toBe("ST_DTYPE");
  });

  it("safetensors: a size of minus zero", async () => {
    const text = '{"a":{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}}';
    const bytes = new Uint8Array([text.length, 0, 0, 0, 0, 0, 0, 0, ...utf8(text)]);
    expect(await codeOf(() => parseSafetensors(bytes))).toBe("ST_SIZE");
  });

  it("tokenizer.json: ids that have no text, flags of any depth, a text of any depth", async () => {
    const { tokenizerJson } = trainChar(["abc"]).toHuggingFace();
    const changed = (change: object): Record<string, unknown> => ({ ...tokenizerJson, ...change });
    const model = tokenizerJson["model"] as Record<string, unknown>;
    const added = tokenizerJson["added_tokens"] as Record<string, unknown>[];
    expect(await codeOf(() => loadTokenizer(changed({ model: { ...model, vocab: { a: TONGUELESS } } })))).toBe("TOKENIZER_FORMAT");
    expect(await codeOf(() => loadTokenizer(changed({ added_tokens: added.map((token) => ({ ...token, id: TONGUELESS })) })))).toBe("TOKENIZER_FORMAT");
    expect(await codeOf(() => loadTokenizer(changed({ normalizer: deep(20_000) })))).toBe("TOKENIZER_FORMAT");
    const named = await errorOf(() => loadTokenizer(changed({ decoder: { type: "y".repeat(20_000) } })));
    expect([named.code, named.message.length < 400]).toEqual(["TOKENIZER_FORMAT", true]);
    expect(await codeOf(() => loadTokenizer(`{"version":${"[".repeat(200_000)}`))).toBe("TOKENIZER_FORMAT");
  });

  it("a recipe whose fields have no text, or a depth without end, or the length of a book", async () => {
    for (const seed of [TONGUELESS, [TONGUELESS], deep(20_000), "y".repeat(100_000)]) {
      const error = await errorOf(() => validateRecipe({ ...presets[0], seed }));
      expect(error.code).toBe("CONFIG_RANGE");
      expect(error.message.length).toBeLessThan(400);
      expect(String(error.details["seen"]).length).toBeLessThanOrEqual(80);
    }
  });

  it("the log: a payload under a true checksum that is no record, is no JSON, or is too deep to be sent on", () => {
    const whole = encodeRecords([{ globalStep: 1, type: "metrics", value: 1 }]);
    for (const payload of ["null", "{}", "{", '{"globalStep":"1","type":"metrics"}', `{"globalStep":2,"type":"metrics","value":${"[".repeat(20_000)}${"]".repeat(20_000)}}`]) {
      const text = utf8(payload);
      const bytes = new Uint8Array([...whole, ...new Uint8Array(8), ...text]);
      const view = new DataView(bytes.buffer, whole.length);
      view.setUint32(0, text.length, true);
      view.setUint32(4, crc32c(text, crc32c(bytes.subarray(whole.length, whole.length + 4))), true);
      expect(decodeRecords(bytes)).toEqual({ records: [{ globalStep: 1, type: "metrics", value: 1 }], ends: [whole.length] });
    }
  });

  it("a manifest under a true seal whose trained tensors have no names", async () => {
    const { manifest } = encodeCheckpoint(tinyCheckpoint(3), { id: "c-3", createdMs: 1 });
    const forged = { ...manifest, resume: { ...manifest.resume!, trainable: [TONGUELESS] } } as unknown as CheckpointManifest;
    expect(parseManifest(manifestText(manifest)).id).toBe("c-3");
    expect(await codeOf(() => parseManifest(manifestText(forged)))).toBe("CKPT_CORRUPT");
  });

  it("a manifest under a true seal that names a trained tensor at the length of a book", async () => {
    const { manifest, bytes } = encodeCheckpoint(tinyCheckpoint(3), { id: "c-3", createdMs: 1 });
    const forged = { ...manifest, resume: { ...manifest.resume!, trainable: [...manifest.resume!.trainable, "y".repeat(20_000)] } } as CheckpointManifest;
    const error = await errorOf(() => decodeCheckpoint(forged, bytes));
    expect([error.code, error.message.length < 400]).toEqual(["CKPT_MISSING", true]);
    expect(JSON.stringify(error.details).length).toBeLessThan(400);
  });

  it("a zip that claims a gigabyte behind a few bytes: refused before memory is taken for it", async () => {
    const bytes = new Uint8Array(await new Blob(writeZip(new Map([["config.json", utf8("{}")]]))).arrayBuffer());
    const central = bytes.findIndex((_, i) => bytes[i] === 0x50 && bytes[i + 1] === 0x4b && bytes[i + 2] === 1 && bytes[i + 3] === 2);
    const view = new DataView(bytes.buffer);
    view.setUint16(central + 10, 8, true);
    view.setUint16(8, 8, true);
    // Beyond what any archive of its size may hold, and beyond what deflate can make of two bytes.
    for (const claimed of [2 ** 30, 2 ** 24]) {
      view.setUint32(central + 24, claimed, true);
      const before = process.memoryUsage().external;
      const error = await errorOf(() => readZip(bytesSource(bytes), new Set(["config.json"])));
      expect([error.code, error.details["bytes"]]).toEqual(["ZIP_FORMAT", claimed]);
      expect(process.memoryUsage().external - before).toBeLessThan(2 ** 20);
    }
  });
});
