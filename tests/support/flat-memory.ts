/**
 * A program of its own (`node --max-old-space-size=N --import tsx tests/support/flat-memory.ts MEGABYTES char|bpe text|jsonl|gzip`): takes
 * in that much generated text as a person's file, trains a tokenizer, makes the tokens and draws batches, and prints what memory it took
 * at most as one line of JSON.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGzip } from "node:zlib";
import { Readable } from "node:stream";
import { Draws } from "../../src/core/random.ts";
import { MAX_FILE_BYTES, type ByteStream } from "../../src/data/ingest/types.ts";
import { CorpusLibrary } from "../../src/engine/corpora.ts";
import { messageBreath } from "../../src/engine/environment.ts";
import { StageData } from "../../src/engine/stage-data.ts";
import { presetByName } from "../../src/protocol/presets.ts";
import type { Recipe } from "../../src/protocol/recipe.ts";
import { DiskStorage } from "./disk-storage.ts";

export interface FlatMemory {
  readonly bytes: number;
  readonly seconds: { readonly takeIn: number; readonly tokenizer: number; readonly tokens: number; readonly batches: number };
  /** JavaScript heap and array buffers together, at most, above what stood before the text came. */
  readonly peakBytes: number;
  readonly rssBytes: number;
  readonly characters: number;
  readonly documents: number;
  readonly trainTokens: number;
  readonly validationTokens: number;
}

const WORDS = "the fox and a hen went out into one wood where an owl said that rain would come home before night over every hill".split(" ");

/** Text of exactly so many bytes, made a megabyte at a time: 64 variants of a block, in an order of their own. */
function generated(bytes: number, form: string): ByteStream {
  const blocks = Array.from({ length: 64 }, (_, i) => {
    const draws = new Draws(i, "world", { site: "flat" });
    const lines: string[] = [];
    for (let length = 0; length < 1 << 20; ) {
      const words = Array.from({ length: 6 + draws.nextInt(12) }, () => draws.nextPick(WORDS)).join(" ");
      const line = form === "jsonl" ? JSON.stringify({ text: `${words}.` }) : `${words}.`;
      lines.push(line);
      length += line.length + 1;
    }
    return new TextEncoder().encode(`${lines.join("\n")}\n`);
  });
  const stream = (): ReadableStream<Uint8Array> => {
    let at = 0;
    let turn = 0;
    return new ReadableStream({
      pull(controller) {
        if (at >= bytes) return controller.close();
        const block = blocks[(turn++ * 37) % 64]!;
        // The last block ends with a whole line.
        const end = at + block.length <= bytes ? block.length : block.lastIndexOf(10, Math.max(0, bytes - at - 1)) + 1;
        controller.enqueue(block.slice(0, end));
        at = end < block.length ? bytes : at + end;
      },
    }, { highWaterMark: 0 });
  };
  return { size: bytes, stream, slice: (start, end) => new Blob([blocks[0]!]).slice(start, end) };
}

/** The same, packed on the way and twice: once to know its size and trailer, once to be read. */
async function packed(plain: ByteStream): Promise<ByteStream> {
  const stream = (): ReadableStream<Uint8Array> => Readable.toWeb(Readable.fromWeb(plain.stream() as never).pipe(createGzip({ level: 1 }))) as ReadableStream<Uint8Array>;
  let size = 0;
  let tail = new Uint8Array(0);
  let head = new Uint8Array(0);
  for await (const chunk of stream()) {
    if (size === 0) head = chunk.slice(0, 2);
    size += chunk.length;
    tail = Uint8Array.from([...tail, ...chunk.slice(-8)]).slice(-8);
  }
  return { size, stream, slice: (start) => new Blob([start === 0 ? head : tail]) };
}

async function main(megabytes: number, kind: "char" | "bpe", form: string): Promise<FlatMemory> {
  const bytes = megabytes * 2 ** 20;
  if (!(bytes > 0 && bytes <= MAX_FILE_BYTES)) throw new Error(`${megabytes} MB is outside what is taken in`);
  const folder = mkdtempSync(join(tmpdir(), "nestling-flat-"));
  try {
    const storage = new DiskStorage(folder);
    const breath = messageBreath();
    const measured = (): number => {
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    const plain = generated(bytes, form);
    const data = form === "gzip" ? await packed(plain) : plain;
    globalThis.gc?.();
    const before = measured();
    let peak = 0;
    let rss = 0;
    const look = (): void => {
      peak = Math.max(peak, measured() - before);
      rss = Math.max(rss, process.memoryUsage.rss());
    };
    const environment = {
      fetchFile: () => Promise.reject(new Error("no files here")), openStorage: async () => ({ storage, notice: null }), gpu: undefined, userAgent: "node", secureContext: true,
      now: () => performance.now(), date: () => Date.now(),
      breathe: async () => {
        look();
        await breath();
      },
    };
    const library = new CorpusLibrary(environment, () => storage);
    const seconds: Record<string, number> = {};
    const timed = async <T>(name: keyof FlatMemory["seconds"], work: () => Promise<T>): Promise<T> => {
      const from = performance.now();
      const result = await work();
      seconds[name] = Math.round((performance.now() - from) / 100) / 10;
      return result;
    };
    const name = form === "gzip" ? "large.txt.gz" : form === "jsonl" ? "large.jsonl" : "large.txt";
    const summary = await timed("takeIn", () => library.add(name, [{ name, data }]));
    const preset = presetByName("first-light")!;
    const recipe: Recipe = { ...preset, tokenizer: { kind, vocab_size: kind === "char" ? 300 : 1024 }, stages: [{ ...preset.stages[0]!, data: [{ corpus: summary.id, weight: 1 }] }] };
    const stage = new StageData(library, recipe, () => undefined, () => false);
    const tokenizer = await timed("tokenizer", () => stage.trainTokenizer());
    const source = await timed("tokens", () => stage.source(recipe.stages[0]!, tokenizer));
    await timed("batches", async () => {
      for (let step = 0; step < 200; step++) {
        source.train(step, 0, 12, 64);
        source.evaluate(step, 12, 64);
        look();
      }
    });
    library.close();
    return {
      bytes: summary.bytes, seconds: seconds as unknown as FlatMemory["seconds"], peakBytes: peak, rssBytes: rss, characters: summary.report!.characters, documents: summary.report!.documents,
      trainTokens: source.trainTokens, validationTokens: source.validationTokens,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const [megabytes, kind, form] = process.argv.slice(2);
process.stdout.write(`${JSON.stringify(await main(Number(megabytes), kind as "char" | "bpe", form ?? "text"))}\n`);
// The breath's message port would keep the process alive.
process.exit(0);
