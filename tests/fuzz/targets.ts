/** Every parser that meets a stranger's file, with what it may answer and what must hold of all that it takes. */
import { expect } from "vitest";
import { canonicalJson } from "../../src/core/hash.ts";
import { loadTokenizer, type Tokenizer } from "../../src/data/index.ts";
import { DELIMITERS, detectDelimiter, parseCsv, type Delimiter } from "../../src/data/ingest/csv.ts";
import { ingest, type IngestSink } from "../../src/data/ingest/files.ts";
import { parseChatJsonl, type ParsedChat } from "../../src/data/ingest/jsonl.ts";
import { guardLoops } from "../../src/kernels/loop-guard.ts";
import type { KernelText } from "../../src/protocol/kernel-lab.ts";
import { notPlain, readKernelFile, readKernelLink, writeKernelFile, writeKernelLink } from "../../src/protocol/kernel-link.ts";
import { presets } from "../../src/protocol/presets.ts";
import { forTravel, readRecipeLink, writeRecipeLink } from "../../src/protocol/recipe-link.ts";
import type { Recipe } from "../../src/protocol/recipe.ts";
import { validateRecipe } from "../../src/protocol/recipe-fields.ts";
import { bytesSource, checkpointSummary, decodeCheckpoint, manifestText, MemoryStorage, openModelFile, parseManifest, parseSafetensors, readAdapterFolder, readModelFolder, RunLog, type CheckpointManifest, type LogRecord, type Tensor } from "../../src/store/index.ts";
import { DTYPE_BYTES } from "../../src/store/safetensors.ts";
import { tinyModel } from "../store/samples.ts";
import type { Bytes } from "./faults.ts";
import type { Target } from "./fuzz.ts";
import { checkpointBytes, csvSpecimens, gzipSpecimens, jsonlSpecimens, kernelFileSpecimens, kernelLinkSpecimens, linkSpecimens, logSpecimens, manifestSpecimens, recipeSpecimens, safetensorsSpecimens, tokenizerSpecimens, zipSpecimens } from "./specimens.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const JSON_TOKENS = ["{", "}", "[", "]", '"', ",", ":", "\\", "null", "1e999", "\n", "\\u0000", "\ufeff", '"__proto__":1,'];

/** Offsets of every place where one of the signatures stands, and of the fields after it. */
const fieldsAfter = (signatures: readonly (readonly number[])[], fields: readonly number[]) => (bytes: Uint8Array): number[] => {
  const found: number[] = [];
  for (let at = 0; at + 4 <= bytes.length && found.length < 4000; at++) {
    if (signatures.some((signature) => signature.every((byte, i) => bytes[at + i] === byte))) found.push(...fields.map((field) => at + field));
  }
  return found;
};

const safetensors: Target<ReturnType<typeof parseSafetensors>> = {
  name: "safetensors", codes: /^ST_/, weight: 3,
  reaches: ["read", "ST_TOO_SHORT", "ST_HEADER_LENGTH", "ST_HEADER_JSON", "ST_NAME", "ST_DTYPE", "ST_SIZE", "ST_OFFSETS", "ST_TRAILING"],
  tokens: JSON_TOKENS, fields: () => [0, 4], specimens: safetensorsSpecimens,
  parse: (bytes) => parseSafetensors(bytes),
  check({ tensors }, bytes) {
    // What passes is a file without ambiguity: its tensors fill it to the last byte.
    let total = 0;
    for (const { shape, data, dtype } of tensors.values()) {
      expect(data.length).toBe(shape.reduce((a, b) => a * b, 1));
      total += data.length * DTYPE_BYTES[dtype];
    }
    expect(total).toBe(bytes.length - 8 - Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)));
  },
};

const tokenizer: Target<Tokenizer> = {
  name: "tokenizer.json", codes: /^TOKENIZER_FORMAT$/, weight: 3, reaches: ["read", "TOKENIZER_FORMAT"], tokens: JSON_TOKENS, specimens: tokenizerSpecimens,
  parse(bytes) {
    const [json, config] = text(bytes).split("\u001e");
    return loadTokenizer(json!, config);
  },
  check(loaded) {
    const sentence = "The cat sat. \u00e9 \u{1f600} zq";
    const ids = loaded.encode(sentence);
    expect(ids.every((id) => id < loaded.vocabSize)).toBe(true);
    const back = loaded.decode(ids);
    // Bytes are all there is in byte-level BPE, so nothing can be lost on the way.
    if (loaded.kind === "bpe") expect(back).toBe(sentence);
  },
};

const jsonl: Target<ParsedChat> = {
  name: "JSONL", codes: /^(JSONL_|DATA_EMPTY$)/, weight: 3, tokens: [...JSON_TOKENS, "\r\n", "\u2028"], specimens: () => jsonlSpecimens().slice(0, 3),
  reaches: ["read", "JSONL_PARSE", "JSONL_SCHEMA", "JSONL_TOO_DEEP", "DATA_EMPTY"],
  parse: (bytes) => parseChatJsonl(text(bytes)),
  check({ examples }, bytes) {
    for (const { messages } of examples) {
      expect(messages.some(({ role }) => role === "assistant")).toBe(true);
      for (const { content } of messages) expect(typeof content).toBe("string");
    }
    // What one bad line spoils must be the line alone.
    expect(parseChatJsonl(text(bytes), { onBad: "skip" }).skipped).toBe(0);
  },
};

const rowsOf = (csv: string, delimiter: Delimiter): { rows: string[][]; bad: number } => {
  let bad = 0;
  const rows = parseCsv(csv, delimiter, () => void bad++);
  return { rows, bad };
};

const csv: Target<string[][]> = {
  name: "CSV", codes: /^CSV_/, weight: 3, reaches: ["read", "CSV_PARSE"], tokens: ['"', '""', ",", ";", "\t", "\n", "\r\n", "\r", '",', ',"', "\u0000", "\ufeff"], specimens: csvSpecimens,
  parse(bytes) {
    const all = text(bytes);
    return parseCsv(all, detectDelimiter(all), (make) => {
      throw make();
    });
  },
  check(_rows, bytes) {
    for (const delimiter of bytes.length > 50_000 ? ([","] as const) : DELIMITERS) {
      const { rows } = rowsOf(text(bytes), delimiter);
      const again = rowsOf(rows.map((row) => row.map((field) => `"${field.replaceAll('"', '""')}"`).join(delimiter)).join("\r\n"), delimiter);
      // Written out in full quotes, what was read is read again; a file of bad rows alone has none.
      if (rows.length > 0) expect(again).toEqual({ rows, bad: 0 });
    }
  },
};

/** Takes records as the engine does, and counts them. */
class CountingSink implements IngestSink {
  taken = 0;
  text(): void {}
  endDocument(): void {
    this.taken++;
  }
  example(): void {
    this.taken++;
  }
  blank(): void {}
  flush(): Promise<void> {
    return Promise.resolve();
  }
}

/** One file through the whole of reading: bytes, unpacking, decoding, records; stopping at a bad line and skipping it. */
async function ingestFile(name: string, bytes: Bytes): Promise<void> {
  const skipping = new CountingSink();
  const report = await ingest([{ name, data: new Blob([bytes]) }], skipping, { onBad: "skip", encoding: "utf-8-replace" });
  expect(report.documents).toBe(skipping.taken);
  await ingest([{ name, data: new Blob([bytes]) }], new CountingSink());
}

const OWN_CODES = /^(DATA_|JSONL_|CSV_|GZ_)/;
const ownCsv: Target = {
  name: "own .csv", codes: OWN_CODES, specimens: () => csvSpecimens().slice(0, 3), tokens: csv.tokens!, reaches: ["read", "CSV_PARSE", "DATA_UTF8", "DATA_BINARY"],
  parse: (bytes) => ingestFile("own.csv", bytes),
};
const ownJsonl: Target = {
  name: "own .jsonl", codes: OWN_CODES, specimens: jsonlSpecimens, tokens: jsonl.tokens!, reaches: ["read", "JSONL_PARSE", "JSONL_SCHEMA", "DATA_UTF8"],
  parse: (bytes) => ingestFile("own.jsonl", bytes),
};
const ownGzip: Target = {
  name: "own .gz", codes: OWN_CODES, specimens: () => gzipSpecimens().slice(0, 6), tokens: ["\u001f\u008b", "\u0000"], fields: (bytes) => [0, 2, 3, bytes.length - 8, bytes.length - 4],
  reaches: ["read", "GZ_CORRUPT"], parse: (bytes) => ingestFile("own.txt.gz", bytes),
};

const recipe: Target<Recipe | null> = {
  name: "recipe", codes: /^CONFIG_/, weight: 3, reaches: ["read", "CONFIG_RANGE", "CONFIG_UNKNOWN"], tokens: JSON_TOKENS, specimens: recipeSpecimens,
  parse(bytes) {
    let value: unknown;
    try {
      value = JSON.parse(text(bytes));
    } catch {
      return null;
    }
    return validateRecipe(value);
  },
  check(taken) {
    if (taken !== null) expect(canonicalJson(validateRecipe(JSON.parse(JSON.stringify(taken))))).toBe(canonicalJson(taken));
  },
};

const link: Target<Recipe> = {
  name: "recipe link", codes: /^LINK_INVALID$/, weight: 2, reaches: ["read", "LINK_INVALID"], tokens: ["#recipe=", "1.", "2.", "%", "=", "+"], specimens: linkSpecimens,
  parse: (bytes) => readRecipeLink(text(bytes), presets),
  check(taken) {
    expect(canonicalJson(readRecipeLink(writeRecipeLink(taken, presets), presets))).toBe(canonicalJson(forTravel(taken)));
  },
};

const kernelLink: Target<KernelText> = {
  name: "kernel link", codes: /^LINK_INVALID$/, reaches: ["read", "LINK_INVALID"], tokens: ["#kernel=", "1.", "2.", "%", "=", "+"], specimens: kernelLinkSpecimens,
  parse: (bytes) => readKernelLink(text(bytes)),
  async check(taken) {
    expect(await readKernelLink(await writeKernelLink(taken))).toEqual(taken);
    expect(notPlain(taken.source)).toBe("");
  },
};

const kernelFile: Target<KernelText> = {
  name: "kernel file", codes: /^LINK_INVALID$/, reaches: ["read", "LINK_INVALID"], tokens: JSON_TOKENS, specimens: kernelFileSpecimens,
  parse: (bytes) => readKernelFile(bytes),
  check(taken) {
    expect(readKernelFile(new TextEncoder().encode(writeKernelFile(taken)))).toEqual(taken);
    // What is taken is looked through for its loops, without harm.
    guardLoops(taken.source);
  },
};

let weights: Bytes | undefined;

const manifest: Target<CheckpointManifest> = {
  name: "manifest", codes: /^CKPT_|^ST_/, weight: 2, reaches: ["read", "CKPT_CORRUPT", "CKPT_VERSION"], tokens: JSON_TOKENS, specimens: manifestSpecimens,
  parse(bytes) {
    const taken = parseManifest(text(bytes));
    checkpointSummary(taken);
    decodeCheckpoint(taken, (weights ??= checkpointBytes()));
    return taken;
  },
  check(taken) {
    expect(canonicalJson(parseManifest(manifestText(taken)))).toBe(canonicalJson(taken));
    structuredClone(checkpointSummary(taken));
  },
};

const log: Target<{ storage: MemoryStorage; log: RunLog; records: LogRecord[]; notice: unknown }> = {
  name: "metrics log", codes: /^CKPT_/, weight: 2, reaches: ["read", "cut at a bad record"], tokens: JSON_TOKENS, specimens: logSpecimens,
  fields: (bytes) => [0, 4, ...(bytes.length > 8 ? [8 + (new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true) % bytes.length)] : [])],
  async parse(bytes) {
    const storage = new MemoryStorage();
    await storage.publish("runs/a/log.bin", bytes);
    return { storage, ...(await RunLog.open(storage, "runs/a/log.bin")) };
  },
  outcome: ({ notice }) => (notice ? "cut at a bad record" : "read"),
  async check({ storage, log: opened, records }) {
    for (const { globalStep, type } of records) expect([typeof globalStep, typeof type]).toEqual(["number", "string"]);
    // It goes on after what is whole, and is whole then.
    await opened.append([{ globalStep: 99, type: "metrics", value: 1 }]);
    const again = await RunLog.open(storage, "runs/a/log.bin");
    expect(again.notice).toBeNull();
    expect(again.records).toEqual([...records, { globalStep: 99, type: "metrics", value: 1 }]);
  },
};

const zip: Target<{ tensors: ReadonlyMap<string, Tensor> }> = {
  name: "model archive", codes: /^(ZIP_FORMAT|CKPT_|ST_|TOKENIZER_FORMAT)/, weight: 3, specimens: zipSpecimens, tokens: ["PK\u0003\u0004", "PK\u0005\u0006", "../", "config.json"],
  fields: fieldsAfter([[0x50, 0x4b, 1, 2], [0x50, 0x4b, 3, 4], [0x50, 0x4b, 5, 6]], [4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 42]),
  reaches: ["read", "ZIP_FORMAT", "CKPT_MISMATCH", "CKPT_PICKLE", "CKPT_CORRUPT"],
  async parse(bytes) {
    const { kind, files } = await openModelFile("model.zip", bytesSource(bytes));
    return kind === "adapter" ? readAdapterFolder(files, tinyModel) : readModelFolder(files);
  },
  check({ tensors }) {
    for (const { shape, data } of tensors.values()) expect(data.length).toBe(shape.reduce((a, b) => a * b, 1));
  },
};

// Each target knows its own value; together they forget it.
export const targets = [safetensors, tokenizer, jsonl, csv, ownCsv, ownJsonl, ownGzip, recipe, link, kernelLink, kernelFile, manifest, log, zip] as readonly Target[];
