/**
 * One large hostile file read in a process of its own, whose peak memory is then this file's alone: `large.test.ts` starts it and holds
 * its one line of JSON to the bound. Files that the engine streams are made piece by piece and never stand in memory.
 */
import { deflateRawSync, gzipSync } from "node:zlib";
import { NestlingError } from "../../src/core/errors.ts";
import { loadTokenizer } from "../../src/data/index.ts";
import { ingest, type IngestSink } from "../../src/data/ingest/files.ts";
import type { ByteStream } from "../../src/data/ingest/types.ts";
import { validateRecipe } from "../../src/protocol/recipe-fields.ts";
import { bytesSource, openModelFile, parseSafetensors } from "../../src/store/index.ts";

const MB = 2 ** 20;
const utf8 = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(new TextEncoder().encode(text));

const sink: IngestSink = { text: () => undefined, endDocument: () => undefined, example: () => undefined, blank: () => undefined, flush: () => Promise.resolve() };

/** `head`, then `unit` again and again, as a file of about so many bytes that is made as it is read. */
function streamed(head: string, unit: string, bytes: number): ByteStream {
  const piece = utf8(unit.repeat(Math.ceil(65_536 / unit.length)));
  const start = utf8(head);
  const pieces = Math.ceil(bytes / piece.length);
  let given = -1;
  return {
    size: start.length + pieces * piece.length,
    slice: (from, to) => ({ arrayBuffer: () => Promise.resolve(new Uint8Array([...start, ...piece.subarray(0, 16)]).slice(from, to).buffer) }),
    stream: () => new ReadableStream<Uint8Array>({
      pull(controller) {
        if (given === pieces) controller.close();
        else controller.enqueue(given < 0 && start.length > 0 ? start : piece.slice());
        given++;
      },
    }),
  };
}

const own = (name: string, head: string, unit: string, bytes: number) => (): { size: number; read: () => unknown } => {
  const data = streamed(head, unit, bytes);
  return { size: data.size, read: () => ingest([{ name, data }], sink, { onBad: "skip" }) };
};

/** A text too long to be made in one piece within the bound. */
function joined(head: string, count: number, unit: (i: number) => string, tail: string): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(head.length + tail.length + count * unit(count).length);
  const encoder = new TextEncoder();
  let at = encoder.encodeInto(head, out).written;
  for (let i = 0; i < count; i++) at += encoder.encodeInto(unit(i), out.subarray(at)).written;
  at += encoder.encodeInto(tail, out.subarray(at)).written;
  return out.slice(0, at);
}

const inMemory = (bytes: Uint8Array<ArrayBuffer>, read: (bytes: Uint8Array<ArrayBuffer>) => unknown) => ({ size: bytes.length, read: () => read(bytes) });

function safetensors(header: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8 + header.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(header, 8);
  return bytes;
}

/** A zip of one entry, deflated, that says the truth about itself. */
function bomb(name: string, bytes: number): Uint8Array<ArrayBuffer> {
  const content = new Uint8Array(bytes);
  const packed = deflateRawSync(content);
  const nameBytes = utf8(name);
  const out = new Uint8Array(30 + nameBytes.length + packed.length + 46 + nameBytes.length + 22);
  const view = new DataView(out.buffer);
  const central = 30 + nameBytes.length + packed.length;
  for (const [at, signature, shift] of [[0, 0x04034b50, 4], [central, 0x02014b50, 6]] as const) {
    view.setUint32(at, signature, true);
    view.setUint16(at + shift + 4, 8, true);
    view.setUint32(at + shift + 14, packed.length, true);
    view.setUint32(at + shift + 18, bytes, true);
    view.setUint16(at + shift + 22, nameBytes.length, true);
  }
  out.set(nameBytes, 30);
  out.set(packed, 30 + nameBytes.length);
  out.set(nameBytes, central + 46);
  const end = central + 46 + nameBytes.length;
  view.setUint32(end, 0x06054b50, true);
  view.setUint16(end + 8, 1, true);
  view.setUint16(end + 10, 1, true);
  view.setUint32(end + 12, 46 + nameBytes.length, true);
  view.setUint32(end + 16, central, true);
  return out;
}

export const large: Readonly<Record<string, () => { readonly size: number; read(): unknown }>> = {
  "a CSV row of separators alone": own("own.csv", "a,b\n", ",", 24 * MB),
  "a CSV field of doubled quotes": own("own.csv", 'a,b\n"', '""', 24 * MB),
  "a CSV quote that never closes": own("own.csv", 'a,b\n1,"', "text", 24 * MB),
  "a CSV file of bad rows": own("own.csv", "a,b\n1,2\n", "1,2,3\n", MB),
  "a JSONL line without end": own("own.jsonl", '{"text":"', "a", 24 * MB),
  "a JSONL file of bad lines": own("own.jsonl", '{"text":"a"}\n', "{]\n", MB / 4),
  "a JSONL file of brackets": own("own.jsonl", "", "[", 24 * MB),
  "a gzip bomb": () => {
    const bytes = new Uint8Array(gzipSync(new Uint8Array(128 * MB).fill(0x61)));
    return inMemory(bytes, () => ingest([{ name: "own.txt.gz", data: new Blob([bytes]) }], sink));
  },
  "a zip bomb": () => inMemory(bomb("model.safetensors", 128 * MB), (bytes) => openModelFile("model.zip", bytesSource(bytes))),
  "a safetensors header of brackets": () => inMemory(safetensors(utf8(`{"a":${"[".repeat(20 * MB)}`)), parseSafetensors),
  "a safetensors header of numbers": () => inMemory(safetensors(utf8(`{"a":{"dtype":"F32","data_offsets":[0,0],"shape":[${"0,".repeat(10 * MB)}0]}}`)), parseSafetensors),
  "a safetensors header of names": () => inMemory(safetensors(joined("{", 200_000, (i) => `${i > 0 ? "," : ""}"t${i}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`, "}")), parseSafetensors),
  "a tokenizer.json of brackets": () => inMemory(utf8(`{"version":${"[".repeat(8 * MB)}`), (bytes) => loadTokenizer(new TextDecoder().decode(bytes))),
  "a tokenizer.json of a million tokens": () => inMemory(joined('{"version":"1.0","model":{"type":"BPE","vocab":{', 1_000_000, (i) => `${i > 0 ? "," : ""}"t${i}":${i}`, "}}}"), (bytes) => loadTokenizer(new TextDecoder().decode(bytes))),
  "a recipe of 333,000 stages": () => inMemory(utf8(`{"version":1,"stages":[${"{},".repeat(333_000)}{}]}`), (bytes) => validateRecipe(JSON.parse(new TextDecoder().decode(bytes)))),
};

const sweep = (globalThis as { gc?: () => void }).gc;

async function main(name: string): Promise<void> {
  const file = large[name]!();
  sweep!();
  const before = process.memoryUsage.rss();
  // What making the file took is behind us: only a peak above it can show.
  const peakBefore = process.resourceUsage().maxRSS * 1024;
  let most = before;
  const watch = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 5);
  const cpu = process.cpuUsage();
  let outcome = "read";
  try {
    await file.read();
  } catch (error) {
    outcome = error instanceof NestlingError ? error.code : `untyped: ${String(error).slice(0, 200)}`;
  }
  clearInterval(watch);
  const { user, system } = process.cpuUsage(cpu);
  const peak = process.resourceUsage().maxRSS * 1024;
  console.log(JSON.stringify({ size: file.size, outcome, ms: (user + system) / 1000, grown: Math.max(most, peak > peakBefore ? peak : 0) - before }));
}

if (process.argv[2] !== undefined) await main(process.argv[2]);
