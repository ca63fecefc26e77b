/** A person's own data in the engine: kept once, found again, and read from the store as it would be read from memory. */
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { encodeDataset, splitDocuments, splitStream, TextBatches, trainBpe, trainChar, type Tokenizer } from "../../src/data/index.ts";
import { CorpusLibrary } from "../../src/engine/corpora.ts";
import { messageBreath } from "../../src/engine/environment.ts";
import { EventHub } from "../../src/engine/events.ts";
import { keepOwn } from "../../src/engine/own-data.ts";
import { corpusChoices, ownFiles } from "../../src/engine/own-check.ts";
import { StageData } from "../../src/engine/stage-data.ts";
import type { EngineEvent } from "../../src/protocol/messages.ts";
import type { CorpusChoices } from "../../src/protocol/own-data.ts";
import { presetByName } from "../../src/protocol/presets.ts";
import type { Recipe } from "../../src/protocol/recipe.ts";
import { MemoryStorage, type Storage } from "../../src/store/index.ts";
import { nodeEnvironment, startTestEngine } from "../support/engine-env.ts";
import { codeOf, rejectionOf } from "../data/support.ts";

const TALE = Array.from({ length: 400 }, (_, i) => `Tale ${i}: the fox and the hen went out.\n\nThey came home, ${i % 7} of them.`).join("\n");
const hooks = { onProgress: () => undefined, shouldStop: () => false };

const libraryOf = (storage: Storage): CorpusLibrary => new CorpusLibrary(nodeEnvironment(storage), () => storage);
const blob = (name: string, content: string | Uint8Array<ArrayBuffer>): { name: string; data: Blob } => ({ name, data: new Blob([content]) });
const paths = async (storage: Storage): Promise<string[]> => (await storage.list("own")).map(({ path }) => path);

async function keep(library: CorpusLibrary, files: Readonly<Record<string, string | Uint8Array<ArrayBuffer>>>, choices: CorpusChoices = {}): ReturnType<CorpusLibrary["add"]> {
  return library.add(Object.keys(files).join(", "), Object.entries(files).map(([name, content]) => blob(name, content)), choices);
}

async function ownText(library: CorpusLibrary, id: string): Promise<{ own: string; source: Parameters<CorpusLibrary["dataset"]>[1] }> {
  const loaded = await library.load(id);
  if (!("own" in loaded)) throw new Error("not a text of one's own");
  return loaded;
}

describe("own data", () => {
  it.each([
    ["one text, BPE", { "a.txt": TALE }, [TALE], false],
    ["one text, characters", { "a.txt": TALE }, [TALE], true],
    ["twelve rows of CSV", { "a.csv": `id,text\n${Array.from({ length: 12 }, (_, i) => `${i},"Row ${i}, ${TALE.slice(0, 500 + i)}"`).join("\n")}\n` }, Array.from({ length: 12 }, (_, i) => `Row ${i}, ${TALE.slice(0, 500 + i)}`), false],
    ["three files, one packed", { "a.txt": TALE, "b.md": "# Two\n\nIt is short.", "c.txt.gz": new Uint8Array(gzipSync("Three.")) }, [TALE, "# Two\n\nIt is short.", "Three."], true],
  ] as const)("gives from the store the tokens and batches that memory gives: %s", async (_, files, documents, stream) => {
    const library = libraryOf(new MemoryStorage());
    const summary = await keep(library, files);
    expect(summary).toMatchObject({ kind: "text", report: { documents: documents.length } });
    const { own, source } = await ownText(library, summary.id);
    const tokenizer: Tokenizer = stream ? trainChar([TALE.slice(0, 5000)]) : await trainBpe(documents, { vocabSize: 330 });
    const dataset = await library.dataset(own, source, tokenizer, stream, hooks);
    const expected = await encodeDataset(tokenizer, stream ? splitStream(documents) : splitDocuments(documents), { documentStarts: !stream });
    for (const part of ["train", "validation"] as const) {
      expect([...Array.from(dataset[part].tokens.subarray(0, 1e9))]).toEqual([...expected[part].tokens]);
      expect([...Array.from(dataset[part].documentStarts.subarray(0, 1e9))]).toEqual([...expected[part].documentStarts]);
    }
    const rowsBegin = stream ? "anywhere" : "document";
    const [fromStore, fromMemory] = [dataset, expected].map((each) => new TextBatches(each, { seed: 5, rowsBegin }));
    for (let step = 0; step < 12; step++) expect(fromStore!.train(step, step % 3, 6, 24)).toEqual(fromMemory!.train(step, step % 3, 6, 24));
    expect(fromStore!.evaluate(2, 3, 24)).toEqual(fromMemory!.evaluate(2, 3, 24));
    expect(fromStore!.trainTokens).toBe(expected.train.tokens.length);
    library.close();
  });

  it("finds a document's start among many thousand", async () => {
    const library = libraryOf(new MemoryStorage());
    const lines = Array.from({ length: 5000 }, (_, i) => JSON.stringify({ text: "ab".repeat(1 + (i % 5)) })).join("\n");
    const { own, source } = await ownText(library, (await keep(library, { "a.jsonl": lines })).id);
    const { train } = await library.dataset(own, source, trainChar(["ab"]), false, hooks);
    const starts = Array.from(train.documentStarts.subarray(0, 1e9));
    expect(starts.length).toBeGreaterThan(4000);
    for (const value of [0, 1, 5000, starts[1023]! - 1, starts[1023]!, starts[1024]!, starts[2048]!, starts.at(-1)!, 1e9]) {
      expect(train.documentStarts.upperBound!(value)).toBe(starts.filter((start) => start <= value).length);
    }
  });

  it("is found again after a reload, under the same name, with its tokens as they were made", async () => {
    const storage = new MemoryStorage();
    const first = libraryOf(storage);
    const summary = await keep(first, { "a.txt": TALE });
    const tokenizer = trainChar([TALE]);
    const { own, source } = await ownText(first, summary.id);
    const made = await first.dataset(own, source, tokenizer, true, hooks);
    const before = await paths(storage);
    const second = libraryOf(storage);
    expect((await second.list()).filter(({ id }) => id.startsWith("own:"))).toEqual([summary]);
    const again = await ownText(second, summary.id);
    const found = await second.dataset(again.own, again.source, tokenizer, true, { onProgress: () => expect.unreachable("encoded again"), shouldStop: () => true });
    expect(found.hash).toBe(made.hash);
    expect(await paths(storage)).toEqual(before);
    expect((await keep(second, { "other name.txt": TALE })).id).toBe(summary.id);
    expect((await paths(storage)).length).toBe(before.length);
  });

  it("keeps nothing of files with an error, nor of a crash, and everything else", async () => {
    const storage = new MemoryStorage();
    const library = libraryOf(storage);
    const kept = await keep(library, { "a.txt": TALE });
    const before = await paths(storage);
    const cut = new Uint8Array(gzipSync(TALE)).slice(0, -9);
    expect((await rejectionOf(keep(library, { "fine.txt": TALE, "cut.txt.gz": cut }))).code).toBe("GZ_CORRUPT");
    expect((await rejectionOf(keep(library, { "a.jsonl": '{"prompt":"a","completion":"b"}\nnope' }))).code).toBe("JSONL_PARSE");
    expect(await paths(storage)).toEqual(before);
    const context = { storage, breathe: async () => undefined, date: () => 0, maxChatBytes: 1000 };
    const chats = [{ name: "q.jsonl", data: new Blob(['{"prompt":"a","completion":"b"}\n'.repeat(100)]) }];
    expect(await rejectionOf(keepOwn("q", chats, {}, context))).toMatchObject({ code: "DATA_TOO_LARGE", details: { allowed: 1000 } });
    expect(await paths(storage)).toEqual(before);
    await storage.publish(`own/${crypto.randomUUID()}.data`, new Uint8Array(9));
    const writing = crypto.randomUUID();
    await storage.publish(`own/${writing}.train.ids`, new Uint8Array(9));
    const lock = await storage.lock(`own-${writing}`);
    expect((await library.list()).map(({ id }) => id)).toContain(kept.id);
    expect(await paths(storage)).toEqual([...before, `own/${writing}.train.ids`].sort());
    await lock.release();
    await library.list();
    expect(await paths(storage)).toEqual(before);
  });

  it("says before reading that the storage has no room, and keeps nothing when it fills up on the way", async () => {
    const library = libraryOf(new MemoryStorage(1000));
    expect(await rejectionOf(keep(library, { "a.txt": TALE }))).toMatchObject({ code: "STORAGE_FULL", details: { wanted: TALE.length } });
    const small = new MemoryStorage(4000);
    expect((await rejectionOf(keep(libraryOf(small), { "a.txt.gz": new Uint8Array(gzipSync(TALE)) }))).code).toBe("STORAGE_FULL");
    expect(await paths(small)).toEqual([]);
  });

  it("is gone with its tokens when it is deleted, and a recipe that names it then says so", async () => {
    const storage = new MemoryStorage();
    const library = libraryOf(storage);
    const { id } = await keep(library, { "a.txt": TALE });
    const { own, source } = await ownText(library, id);
    for (const text of ["abc", TALE, "xyz"]) await library.dataset(own, source, trainChar([text]), true, hooks);
    // Two sets of tokens are kept: four files and a manifest each, beside the text's two.
    expect(await paths(storage)).toHaveLength(2 + 2 * 5);
    await library.remove(id);
    expect(await paths(storage)).toEqual([]);
    expect((await rejectionOf(library.load(id))).code).toBe("CKPT_MISSING");
    expect((await rejectionOf(library.remove("stories"))).code).toBe("CONFIG_RANGE");
    expect((await rejectionOf(libraryOf(storage).load(id))).code).toBe("CKPT_MISSING");
  });

  it("stops while it is encoded, leaves no half-made tokens, and can be encoded later", async () => {
    const storage = new MemoryStorage();
    const library = libraryOf(storage);
    const { own, source } = await ownText(library, (await keep(library, { "a.txt": TALE.repeat(100) })).id);
    const before = await paths(storage);
    const bpe = await trainBpe([TALE], { vocabSize: 300 });
    expect((await rejectionOf(library.dataset(own, source, bpe, false, { ...hooks, shouldStop: () => true }))).code).toBe("CANCELLED");
    expect(await paths(storage)).toEqual(before);
    expect((await library.dataset(own, source, bpe, false, hooks)).train.tokens.length).toBeGreaterThan(1000);
  });

  it("trains a tokenizer on the training part alone, and fine-tunes on text and on examples", async () => {
    const storage = new MemoryStorage();
    const library = libraryOf(storage);
    const secret = `${"a plain beginning. ".repeat(200)}${"\u2603".repeat(300)}`;
    const text = await keep(library, { "a.txt": secret });
    const chat = await keep(library, { "b.csv": `question,answer\n${Array.from({ length: 30 }, (_, i) => `Who is ${i}?,Number ${i}.`).join("\n")}` });
    expect(chat).toMatchObject({ kind: "chat", report: { documents: 30 } });
    const preset = presetByName("first-light")!;
    const [pretrain, sft] = preset.stages;
    const recipe: Recipe = { ...preset, tokenizer: { kind: "char", vocab_size: 300 }, stages: [{ ...pretrain!, data: [{ corpus: text.id, weight: 1 }] }] };
    const data = new StageData(library, recipe, () => undefined, () => false);
    const tokenizer = await data.trainTokenizer();
    expect(tokenizer.decode(tokenizer.encode("a \u2603"))).toBe("a ");
    const mixed = await data.source({ ...sft!, data: [{ corpus: text.id, weight: 1 }, { corpus: chat.id, weight: 1 }] }, tokenizer);
    expect(mixed.train(0, 0, 8, 40).tokens).toBeGreaterThan(40);
    expect((await rejectionOf(data.source({ ...pretrain!, data: [{ corpus: chat.id, weight: 1 }] }, tokenizer))).code).toBe("CONFIG_RANGE");
  });
});

/** Files whose chunks come one by one, as a disk gives them; `onChunk` gets the share handed out before each. */
function slowly(text: string, onChunk: (share: number) => Promise<void>): Blob {
  const blob = new Blob([text]);
  const size = Math.ceil(blob.size / 20);
  blob.stream = () => {
    let at = 0;
    return new ReadableStream({
      async pull(controller) {
        if (at >= blob.size) return controller.close();
        await onChunk(at / blob.size);
        controller.enqueue(new Uint8Array(await blob.slice(at, (at += size)).arrayBuffer()));
      },
    }, { highWaterMark: 0 });
  };
  return blob;
}

describe("taking in", () => {
  const sharesOf = (events: readonly EngineEvent[], id: string): number[] => events.flatMap((event) => (event.type === "intake" && event.intakeId === id ? [event.share] : []));
  const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 120));

  it("tells how far it is, rising to 1, and under an id alone", async () => {
    const engine = await startTestEngine();
    const files = [{ name: "a.txt", data: slowly(TALE, () => new Promise((resolve) => setTimeout(resolve, 20))) }, { name: "b.txt.gz", data: new Blob([new Uint8Array(gzipSync(TALE))]) }];
    await engine.api.addCorpus("two", files, {}, "one-1");
    await engine.api.addCorpus("silent", new Blob([`${TALE} And so on.`]));
    await settled();
    const shares = sharesOf(engine.events, "one-1");
    expect(shares.length).toBeGreaterThan(2);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    expect(shares[0]).toBeLessThan(0.9);
    expect(shares.at(-1)).toBe(1);
    const told = engine.events.filter(({ type }) => type === "intake");
    expect(told.map(({ runId }) => runId)).toEqual(shares.map(() => "engine"));
    expect(await engine.api.eventsSince("engine", 0)).not.toContainEqual(expect.objectContaining({ type: "intake" }));
    await engine.api.dispose();
  });

  it("sends the newest share of each reading, ten times a second at most", () => {
    const sent: EngineEvent[] = [];
    const hub = new EventHub(() => 0, (events) => sent.push(...events));
    for (const share of [0.1, 0.2, 0.3]) for (const intakeId of ["a", "b"]) hub.emit("engine", 0, { type: "intake", intakeId, share });
    hub.flush();
    expect(sent.map((event) => (event.type === "intake" ? [event.intakeId, event.share] : []))).toEqual([["a", 0.3], ["b", 0.3]]);
    hub.dispose();
  });

  it.each([["in the middle", 0.5], ["at the last chunk", 0.95]])("stops %s, keeps nothing, and takes the same files later", async (_, at) => {
    const storage = new MemoryStorage();
    const engine = await startTestEngine(storage);
    const data = slowly(TALE, async (share) => {
      if (share >= at) await engine.api.stopIntake("mine");
    });
    await engine.api.stopIntake("nobody");
    const reading = engine.api.addCorpus("a.txt", data, {}, "mine");
    await expect(engine.api.addCorpus("b.txt", new Blob([TALE]), {}, "mine")).rejects.toMatchObject({ code: "COMMAND" });
    expect((await rejectionOf(reading)).code).toBe("CANCELLED");
    expect(await paths(storage)).toEqual([]);
    expect((await libraryOf(storage).list()).filter(({ id }) => id.startsWith("own:"))).toEqual([]);
    expect((await engine.api.addCorpus("a.txt", new Blob([TALE]), {}, "mine")).id).toMatch(/^own:/);
    await engine.api.dispose();
  });

  it("keeps nothing where it is stopped after the last byte was read", async () => {
    const storage = new MemoryStorage();
    let stopping = false;
    const library = libraryOf(storage);
    const close = storage.create.bind(storage);
    storage.create = async (path) => {
      const file = await close(path);
      const end = file.close.bind(file);
      file.close = () => ((stopping = true), end());
      return file;
    };
    const adding = library.add("a.txt", [blob("a.txt", TALE)], {}, { shouldStop: () => stopping });
    expect((await rejectionOf(adding)).code).toBe("CANCELLED");
    expect(await paths(storage)).toEqual([]);
  });
});

describe("what comes over the border", () => {
  it("is files with names and known choices, each of its type", () => {
    const data = new Blob(["x"]);
    expect(ownFiles("a.txt", data)).toEqual([{ name: "a.txt", data }]);
    expect(ownFiles("two", [{ name: "a", data }, { name: "b", data }])).toHaveLength(2);
    for (const bad of [[], [{ name: "a" }], [{ data }], [null], "text", null]) expect(codeOf(() => ownFiles("t", bad))).toBe("COMMAND");
    const choices = { encoding: "latin1", onBad: "skip", csv: { delimiter: ";", header: true, columns: { text: [1, 2] } } } as const;
    expect(corpusChoices({ ...choices, evil: 1 } as CorpusChoices)).toEqual(choices);
    expect(corpusChoices(undefined)).toEqual({});
    for (const bad of [{ encoding: "ebcdic" }, { onBad: "x" }, { csv: { delimiter: "|" } }, { csv: { columns: { text: [-1] } } }, { csv: { columns: { question: 0 } } }, 7]) {
      expect(codeOf(() => corpusChoices(bad))).toBe("COMMAND");
    }
  });
});

describe("the thread", () => {
  it("answers messages while files are taken in", async () => {
    const breathe = messageBreath();
    const library = libraryOf(new MemoryStorage());
    let turns = 0;
    let done = false;
    const work = keep(library, { "a.txt": TALE.repeat(200) }).finally(() => (done = true));
    while (!done && turns < 1e6) {
      await breathe();
      turns++;
    }
    await work;
    expect(turns).toBeGreaterThan(3);
  });
});
