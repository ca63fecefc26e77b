/** Whole files of every format that the engine reads, taken apart into their JSON and what is built around it. */
import { deflateRawSync, gzipSync } from "node:zlib";
import { canonicalJson, crc32c, sha256Hex } from "../../src/core/hash.ts";
import { trainBpe, trainChar, type Tokenizer } from "../../src/data/index.ts";
import { presets } from "../../src/protocol/presets.ts";
import { encodeCheckpoint, loraTensorShapes, parseSafetensorsHeader, tensorShapes, writeAdapterFolder, writeModelFolder, writeSafetensors, writeZip, type SizedModelConfig } from "../../src/store/index.ts";
import { writeRecipeLink } from "../../src/protocol/recipe-link.ts";
import type { LoraMethod, Recipe } from "../../src/protocol/recipe.ts";
import { crc32 } from "../../src/store/zip.ts";
import { gpt2TensorShapes } from "../../src/store/huggingface.ts";
import { randomTensors, tinyCheckpoint, tinyModel, tinyTokenizer } from "../store/samples.ts";
import type { Bytes } from "./faults.ts";

export interface Specimen {
  /** The file's JSON, part by part. */
  readonly json: readonly unknown[];
  /** The file around the parts' texts. */
  build(texts: readonly string[]): Bytes;
  /** The code that this file itself is refused with; absent: it is read. */
  readonly refused?: string;
}

export const utf8 = (text: string): Bytes => new Uint8Array(new TextEncoder().encode(text));

/** A file that is one JSON text. */
const plain = (value: unknown): Specimen => ({ json: [value], build: ([text]) => utf8(text!) });

/** A file without JSON. */
const whole = (bytes: Uint8Array): Specimen => ({ json: [], build: () => new Uint8Array(bytes) });

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function joined(pieces: readonly Uint8Array[]): Bytes {
  const out = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}

/** The header's text with its true length before it, the data after it. */
function aroundHeader(bytes: Uint8Array): Specimen {
  const { dataStart } = parseSafetensorsHeader(bytes);
  const data = bytes.slice(dataStart);
  return {
    json: [JSON.parse(textOf(bytes.subarray(8, dataStart)))],
    build: ([text]) => {
      const header = utf8(text!);
      const length = new Uint8Array(8);
      new DataView(length.buffer).setBigUint64(0, BigInt(header.length), true);
      return joined([length, header, data]);
    },
  };
}

export const safetensorsSpecimens = (): Specimen[] => [
  aroundHeader(writeSafetensors([])),
  aroundHeader(writeSafetensors([["a", { shape: [2, 3], data: new Float32Array(6) }], ["b.c", { shape: [], data: new Float64Array(1) }], ["empty", { shape: [0, 4], data: new Float32Array(0) }]])),
  aroundHeader(writeSafetensors([...randomTensors(gpt2TensorShapes(tinyModel), 1)].map(([name, tensor], i) => [name, i % 2 === 0 ? { ...tensor, dtype: "BF16" as const } : tensor] as const))),
];

/** A byte-level and a character tokenizer, small: two merges are as hostile as two thousand. */
async function tokenizers(): Promise<Tokenizer[]> {
  const texts = ["the cat sat on the mat, the cat sat there. \u00e9\u00e8 \u{1f600}", "the mat and the cat"];
  return [await trainBpe(texts, { vocabSize: 275 }), trainChar(texts)];
}

/** tokenizer.json beside tokenizer_config.json, as two parts in one JSON list. */
export async function tokenizerSpecimens(): Promise<Specimen[]> {
  return (await tokenizers()).map((tokenizer) => {
    const { tokenizerJson, tokenizerConfig } = tokenizer.toHuggingFace();
    return { json: [tokenizerJson, tokenizerConfig], build: ([json, config]) => utf8(`${json}\u001e${config}`) };
  });
}

const turn = (role: string, content: string): object => ({ role, content });

export const jsonlSpecimens = (): Specimen[] => [
  {
    json: [{ messages: [turn("system", "Be brief."), turn("user", "Who is Dora?"), turn("assistant", "A potter.\nIn \u00c5re.")] }, { messages: [turn("user", "And Max?"), turn("assistant", "A smith.")], id: 7 }],
    build: (lines) => utf8(`${lines.join("\n")}\n`),
  },
  { json: [{ prompt: "2 + 2", completion: "4" }, { prompt: "3 + 3", completion: "6" }], build: (lines) => utf8(`\ufeff${lines.join("\r\n\r\n")}`) },
  { json: [{ instruction: "Name it", input: "a fish", output: "Carp" }, { instruction: "Say hello", output: "Hello" }], build: (lines) => utf8(lines.join("\n")) },
  { json: [{ text: "Once upon a time." }, { text: "There was a \u{1f419}." }], build: (lines) => utf8(`${lines.join("\n")}\n`) },
];

const CSV = [
  'question,answer\n"Who is ""Dora""?",A potter\r\n"Where, and\nwhen?","In \u00c5re, 1899"\n',
  "text;year\nOnce upon a time;1899\nThere was a fish;1900\n\n;\n",
  "a\tb\tc\n1\t2\t3\r\n\"x\ty\"\t\t\n",
  "one line alone, with a comma",
  "\ufeffname,story\nDora,\"a long story, told twice\"\n",
];
export const csvSpecimens = (): Specimen[] => CSV.map((text) => whole(utf8(text)));

export const gzipSpecimens = (): Specimen[] => [
  ...CSV.map((text) => whole(gzipSync(text, { level: 6 }))),
  whole(gzipSync("a text that is packed. ".repeat(400))),
  whole(gzipSync(new Uint8Array(200_000))),
  whole(joined([gzipSync("one"), gzipSync("two")])),
];

export const recipeSpecimens = (): Specimen[] => presets.map((preset) => plain({ ...preset, stages: preset.stages.map((stage, i) => (i === 0 ? { ...stage, changes: [{ step: 3, learning_rate: 1e-3 }, { step: 9, grad_clip: 2, temperature: 1 }] } : stage)) }));

/** Links in their own letters, whatever their JSON became. */
export function linkSpecimens(): Specimen[] {
  const start = "#recipe=1.";
  const changed: Recipe = { ...presets[0]!, seed: 9, name: "mine", model: { ...presets[0]!.model, n_layer: 3 } };
  return [...presets, changed].map((recipe) => ({
    json: [JSON.parse(Buffer.from(writeRecipeLink(recipe, presets).slice(start.length), "base64url").toString("utf8")) as unknown],
    build: ([text]) => utf8(start + Buffer.from(utf8(text!)).toString("base64url")),
  }));
}

const kernelText = { kernel: "softmax", variant: "thread-per-row", source: "fn main() {\n  for (var i = 0u; i < 4u; i++) { out[i] = 1.0; }\n}\n" };

/** What is packed is spoiled before it is packed; bytes of the link itself are spoiled too. */
export const kernelLinkSpecimens = (): Specimen[] => [{ json: [kernelText], build: ([text]) => utf8(`#kernel=1.${deflateRawSync(utf8(text!)).toString("base64url")}`) }];

export const kernelFileSpecimens = (): Specimen[] => [{ json: [{ format: "nestling-kernel", version: 1, ...kernelText }], build: ([text]) => utf8(text!) }];

/** A manifest under a seal that holds whatever was done to it, and one under its first seal. */
export function manifestSpecimens(): Specimen[] {
  const { manifestText } = encodeCheckpoint(tinyCheckpoint(3), { id: "c-3", createdMs: 1 });
  const { manifest } = JSON.parse(manifestText) as { manifest: unknown };
  const seal = (text: string): string => {
    try {
      return sha256Hex(canonicalJson(JSON.parse(text)));
    } catch {
      return "0";
    }
  };
  return [
    plain(JSON.parse(manifestText)),
    { ...plain({ ...(JSON.parse(manifestText) as object), version: 2 }), refused: "CKPT_VERSION" },
    { json: [manifest], build: ([text]) => utf8(`{"format":"nestling-checkpoint","version":1,"sha256":"${seal(text!)}","manifest":${text}}`) },
  ];
}

/** The file that belongs to the manifests above. */
export const checkpointBytes = (): Bytes => encodeCheckpoint(tinyCheckpoint(3), { id: "c-3", createdMs: 1 }).bytes;

/** Records under checksums that hold whatever was done to them. */
export const logSpecimens = (): Specimen[] => [
  {
    json: [{ globalStep: 0, type: "metrics", value: { rows: [{ step: 1, "train/loss": 4.2 }] } }, { globalStep: 5, type: "sample", value: "text" }, { globalStep: 9, type: "metrics", value: null }],
    build: (texts) => joined(texts.flatMap((text) => {
      const payload = utf8(text);
      const head = new Uint8Array(8);
      const view = new DataView(head.buffer);
      view.setUint32(0, payload.length, true);
      view.setUint32(4, crc32c(payload, crc32c(head.subarray(0, 4))), true);
      return [head, payload];
    })),
  },
];

/** An archive whose entries are deflated, which `writeZip` never does. */
function deflated(files: ReadonlyMap<string, Uint8Array>): Bytes {
  const pieces: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const [name, content] of files) {
    const packed = deflateRawSync(content);
    const header = (signature: number, bytes: number, shift: number): Bytes => {
      const out = new Uint8Array(bytes);
      const view = new DataView(out.buffer);
      view.setUint32(0, signature, true);
      view.setUint16(shift, 20, true);
      view.setUint16(shift + 4, 8, true);
      view.setUint32(shift + 10, crc32(content), true);
      view.setUint32(shift + 14, packed.length, true);
      view.setUint32(shift + 18, content.length, true);
      view.setUint16(shift + 22, utf8(name).length, true);
      return out;
    };
    const central = header(0x02014b50, 46, 6);
    new DataView(central.buffer).setUint32(42, at, true);
    const local = joined([header(0x04034b50, 30, 4), utf8(name), packed]);
    pieces.push(local);
    directory.push(central, utf8(name));
    at += local.length;
  }
  const listing = joined(directory);
  const end = new Uint8Array(22);
  const view = new DataView(end.buffer);
  view.setUint32(0, 0x06054b50, true);
  view.setUint16(8, files.size, true);
  view.setUint16(10, files.size, true);
  view.setUint32(12, listing.length, true);
  view.setUint32(16, at, true);
  return joined([...pieces, listing, end]);
}

const tinyLlama: SizedModelConfig = {
  family: "llama", n_layer: 1, n_head: 2, n_kv_head: 1, n_embd: 8, intermediate_size: 12, block_size: 8, rope_theta: 500, rms_norm_eps: 1e-6, dropout: 0, tie_word_embeddings: false, vocab_size: 6,
};
const lora: LoraMethod = { type: "lora", r: 2, lora_alpha: 4, target_modules: ["c_attn", "mlp.c_proj"] };

/** Model folders: their JSON files as parts, everything zipped anew around them, stored and deflated. */
export function zipSpecimens(): Specimen[] {
  const model = writeModelFolder({ model: tinyModel, tensors: randomTensors(gpt2TensorShapes(tinyModel), 1), tokenizer: tinyTokenizer, dtype: "f32" });
  const llama = writeModelFolder({ model: tinyLlama, tensors: randomTensors(tensorShapes(tinyLlama), 1), tokenizer: tinyTokenizer, dtype: "bf16" });
  const adapter = writeAdapterFolder({ lora, tensors: randomTensors(loraTensorShapes(tinyModel, lora), 2) }, tinyModel);
  const folder = (files: ReadonlyMap<string, Uint8Array>, names: readonly string[], top: string, pack: (files: ReadonlyMap<string, Uint8Array>) => Bytes): Specimen => ({
    json: names.map((name) => JSON.parse(textOf(files.get(name)!)) as unknown),
    build: (texts) => pack(new Map([...files].map(([name, bytes]) => [top + name, names.includes(name) ? utf8(texts[names.indexOf(name)]!) : bytes] as const))),
  });
  const stored = (files: ReadonlyMap<string, Uint8Array>): Bytes => joined(writeZip(files));
  return [
    folder(model, ["config.json", "tokenizer.json", "tokenizer_config.json"], "", stored),
    folder(model, ["config.json"], "my-model/", deflated),
    folder(llama, ["config.json", "tokenizer.json"], "", stored),
    folder(adapter, ["adapter_config.json"], "", deflated),
    { ...whole(stored(new Map([["archive/data.pkl", utf8("x")], ["notes.txt", utf8("y")]]))), refused: "CKPT_PICKLE" },
  ];
}
