/** Saving, loading, falling back, retention and sweeping, over storage in memory. Faults are checkpoint-faults.test.ts. */
import { describe, expect, test } from "vitest";
import { CheckpointStore, MemoryStorage, RunStore, checkpointKey, checkpointSummary, decodeCheckpoint, encodeCheckpoint, manifestText, parseManifest, parseSafetensorsHeader } from "../../src/store/index.ts";
import type { CheckpointManifest, LoadedCheckpoint, StoreNotice, StoreOptions, Tensor } from "../../src/store/index.ts";
import { bits, codeOf, errorOf, tinyCheckpoint, tinyFacts, tinyRecipe } from "./helpers.ts";

function setUp(options: StoreOptions = {}): { storage: MemoryStorage; store: CheckpointStore; notices: StoreNotice[] } {
  const storage = new MemoryStorage();
  const notices: StoreNotice[] = [];
  let count = 0;
  const store = new CheckpointStore(storage, { newId: () => `c${++count}`, now: () => 1000, onNotice: (n) => notices.push(n), ...options });
  return { storage, store, notices };
}

const allBits = (tensors: ReadonlyMap<string, Tensor>): unknown => [...tensors].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, { shape, data }]) => [name, shape, bits(data)]);

function expectSame(loaded: LoadedCheckpoint, step: number): void {
  const saved = tinyCheckpoint(step);
  expect(loaded.manifest.step).toBe(step);
  expect(allBits(loaded.weights)).toEqual(allBits(saved.weights));
  expect(allBits(loaded.moments!.m)).toEqual(allBits(saved.moments!.m));
  expect(allBits(loaded.moments!.v)).toEqual(allBits(saved.moments!.v));
}

async function flip(storage: MemoryStorage, path: string, at: number): Promise<void> {
  const bytes = await storage.read(path);
  bytes[at]! ^= 1;
  await storage.publish(path, bytes);
}

describe("a saved checkpoint", () => {
  test("comes back with every bit of weights and moments and every fact", async () => {
    const { store } = setUp();
    const manifest = await store.save(tinyCheckpoint(10));
    const loaded = await store.load(manifest.id);
    expectSame(loaded, 10);
    expect(loaded.notice).toBeNull();
    expect(loaded.manifest).toEqual(JSON.parse(JSON.stringify(manifest)));
    expect(loaded.manifest).toMatchObject(JSON.parse(JSON.stringify(tinyFacts(10))) as object);
  });

  test("keeps negative zero, subnormals and the largest f32", async () => {
    const { store } = setUp();
    const input = tinyCheckpoint(1);
    const edge = Float32Array.from([-0, 1e-45, 3.4028234663852886e38, 1.17549435e-38]);
    (input.weights as Map<string, Tensor>).set("transformer.ln_f.bias", { shape: [4], data: edge });
    const { id } = await store.save(input);
    expect(bits((await store.load(id)).weights.get("transformer.ln_f.bias")!.data)).toEqual(bits(edge));
  });

  test("is summarised for the page as the protocol says", async () => {
    const { store } = setUp();
    const manifest = await store.save(tinyCheckpoint(10, { metrics: { valLoss: 2.5, quizRight: 3, quizTotal: 50 } }));
    expect(checkpointSummary(manifest)).toEqual({
      id: "c1", parentId: null, runId: "run-a", name: "step 10", stage: "Pre-training", stageKind: "pretrain", stageIndex: 0, step: 10, globalStep: 10,
      parameters: [...tinyCheckpoint(10).weights.values()].reduce((sum, t) => sum + t.data.length, 0), bytes: manifest.file.bytes, createdMs: 1000,
      shipped: false, resumable: true, model: tinyRecipe.model, valLoss: 2.5, quizRight: 3, quizTotal: 50,
    });
  });

  test("with a NaN or Inf in any weight or moment is never published, and the counts are said", async () => {
    const { store, storage } = setUp();
    for (const [part, value] of [["weights", NaN], ["m", Infinity], ["v", -Infinity]] as const) {
      const input = tinyCheckpoint(3);
      const tensors = part === "weights" ? input.weights : input.moments![part];
      tensors.get("transformer.wpe.weight")!.data.set([value, value], 5);
      const error = await errorOf(() => store.save(input));
      expect(error.code).toBe("CKPT_NONFINITE");
      expect(Object.values(error.details["counts"] as object)).toEqual([2]);
    }
    expect(await storage.list("")).toEqual([]);
  });

  test("that says it is resumable but lacks a moment is an error, not a warning", async () => {
    const { store } = setUp();
    expect(await codeOf(() => store.save({ ...tinyCheckpoint(3), moments: null }))).toBe("CKPT_MISSING");
    const short = tinyCheckpoint(3);
    (short.moments!.v as Map<string, Tensor>).delete("transformer.wte.weight");
    const error = await errorOf(() => store.save(short));
    expect(error.details["lacking"]).toEqual(["transformer.wte.weight"]);
  });

  test("keeps first moments alone where the optimizer has no second, and lacks what it does not name so", async () => {
    const { store } = setUp();
    const of = (firstMomentOnly: readonly string[]): ReturnType<typeof tinyCheckpoint> => {
      const input = tinyCheckpoint(3, { resume: { ...tinyFacts(3).resume!, firstMomentOnly } });
      for (const name of ["transformer.wte.weight", "transformer.wpe.weight"]) (input.moments!.v as Map<string, Tensor>).delete(name);
      return input;
    };
    const input = of(["transformer.wte.weight", "transformer.wpe.weight"]);
    const loaded = await store.load((await store.save(input)).id);
    expect(loaded.moments!.v.has("transformer.wte.weight")).toBe(false);
    expect(allBits(loaded.moments!.m)).toEqual(allBits(input.moments!.m));
    expect(allBits(loaded.moments!.v)).toEqual(allBits(input.moments!.v));
    expect((await errorOf(() => store.save(of(["transformer.wte.weight"])))).details["lacking"]).toEqual(["transformer.wpe.weight"]);
    const without = of(["transformer.wte.weight", "transformer.wpe.weight"]);
    (without.moments!.m as Map<string, Tensor>).delete("transformer.wte.weight");
    expect((await errorOf(() => store.save(without))).details["lacking"]).toEqual(["transformer.wte.weight"]);
  });

  test("in bf16 takes two bytes a weight and is rounded, not resumable", async () => {
    const { store, storage } = setUp();
    const half = await store.save(tinyCheckpoint(1, { resume: null }, { dtype: "bf16" }));
    const bytes = await storage.read("runs/run-a/ckpt-c1.safetensors");
    expect(bytes.length - parseSafetensorsHeader(bytes).dataStart).toBe(2 * half.parameters);
    const loaded = await store.load(half.id);
    expect(loaded.moments).toBeNull();
    for (const [name, { data }] of tinyCheckpoint(1).weights) {
      loaded.weights.get(name)!.data.forEach((x, i) => expect(Math.abs(x - data[i]!)).toBeLessThanOrEqual(Math.abs(data[i]!) * 2 ** -8));
    }
    expect(() => encodeCheckpoint(tinyCheckpoint(1, {}, { dtype: "bf16" }), { id: "x", createdMs: 0 })).toThrow(RangeError);
  });

  test("made in memory is opened by the same verification", async () => {
    const { bytes, manifest, manifestText: text } = encodeCheckpoint(tinyCheckpoint(4, {}, { shipped: true }), { id: "base", createdMs: 5 });
    expectSame({ ...decodeCheckpoint(parseManifest(text), bytes), notice: null }, 4);
    expect(manifest.shipped).toBe(true);
    bytes[bytes.length - 1]! ^= 0x80;
    expect(await codeOf(() => decodeCheckpoint(manifest, bytes))).toBe("CKPT_CORRUPT");
  });

  test("has a key that changes with everything training depends on, and with nothing else", async () => {
    const parts = { parentKey: null, stage: tinyRecipe.stages[0], dataHash: "d", seed: 1, engineVersion: "1" };
    const key = checkpointKey(parts);
    expect(checkpointKey({ ...parts, stage: { ...tinyRecipe.stages[0] } })).toBe(key);
    const others = [{ parentKey: "p" }, { stage: { ...tinyRecipe.stages[0], max_iters: 101 } }, { dataHash: "e" }, { seed: 2 }, { engineVersion: "2" }];
    expect(new Set([key, ...others.map((other) => checkpointKey({ ...parts, ...other }))]).size).toBe(6);
  });

  test("never takes the place of another of the same id", async () => {
    const { store } = setUp();
    await store.save(tinyCheckpoint(1, {}, { id: "same" }));
    await expect(store.save(tinyCheckpoint(2, {}, { id: "same" }))).rejects.toThrow(RangeError);
    expectSame(await store.load("same"), 1);
  });
});

describe("a damaged checkpoint", () => {
  test.each([
    ["a flipped bit in the tensors", async (s: MemoryStorage) => flip(s, "runs/run-a/ckpt-c3.safetensors", 2000)],
    ["a flipped bit in the header", async (s: MemoryStorage) => flip(s, "runs/run-a/ckpt-c3.safetensors", 20)],
    ["tensors one byte short", async (s: MemoryStorage) => s.publish("runs/run-a/ckpt-c3.safetensors", (await s.read("runs/run-a/ckpt-c3.safetensors")).slice(0, -1))],
    ["tensors gone", (s: MemoryStorage) => s.delete("runs/run-a/ckpt-c3.safetensors")],
    ["a half-written manifest", async (s: MemoryStorage) => s.publish("runs/run-a/ckpt-c3.json", (await s.read("runs/run-a/ckpt-c3.json")).slice(0, 300))],
    ["a manifest with one digit changed", async (s: MemoryStorage) => s.publish("runs/run-a/ckpt-c3.json", new TextEncoder().encode(new TextDecoder().decode(await s.read("runs/run-a/ckpt-c3.json")).replace('"step":3', '"step":4')))],
    ["an empty manifest", (s: MemoryStorage) => s.publish("runs/run-a/ckpt-c3.json", new Uint8Array(0))],
    ["a manifest gone", (s: MemoryStorage) => s.delete("runs/run-a/ckpt-c3.json")],
  ])("(%s) gives way to the one before it, and says so", async (_, damage) => {
    const { store, storage } = setUp({ keepLast: 9 });
    for (const step of [1, 2, 3]) await store.save(tinyCheckpoint(step));
    await damage(storage);
    const loaded = await store.load("c3");
    expectSame(loaded, 2);
    expect(loaded.notice).toMatchObject({ code: "CKPT_CORRUPT", details: { opened: "c2" } });
    expect(await codeOf(() => store.load("c3", { fallback: false }))).toMatch(/^CKPT_(CORRUPT|MISSING)$/);
    expectSame((await store.loadNewest("run-a"))!, 2);
  });

  test("with nothing whole before it is an error that names the tensors; the rest can be salvaged", async () => {
    const { store, storage } = setUp();
    const manifest = await store.save(tinyCheckpoint(1));
    await flip(storage, "runs/run-a/ckpt-c1.safetensors", manifest.file.bytes - 1);
    const error = await errorOf(() => store.load("c1"));
    expect(error.code).toBe("CKPT_CORRUPT");
    const { tensors, damaged } = await store.salvage("c1");
    expect(damaged).toHaveLength(1);
    expect(error.message).toContain(damaged![0]);
    expect(tensors.size).toBe(Object.keys(manifest.file.crc32c).length - 1);
  });

  test("falls back to the parent in another run when its own run has nothing", async () => {
    const { store, storage } = setUp();
    await store.save(tinyCheckpoint(8));
    await store.save(tinyCheckpoint(2, { runId: "run-b", parentId: "c1" }));
    await flip(storage, "runs/run-b/ckpt-c2.safetensors", 3000);
    expectSame(await store.load("c2"), 8);
  });

  test("of a newer format is refused, not guessed at and not fallen back from", async () => {
    const { store, storage } = setUp();
    await store.save(tinyCheckpoint(1));
    const manifest = await store.save(tinyCheckpoint(2));
    await storage.publish("runs/run-a/ckpt-c2.json", new TextEncoder().encode(manifestText(manifest).replace('"version":1', '"version":2')));
    const error = await errorOf(() => store.load("c2"));
    expect(error).toMatchObject({ code: "CKPT_VERSION", details: { version: 2, allowed: 1 } });
    expect((await store.list()).problems).toMatchObject([{ code: "CKPT_VERSION" }]);
  });

  test("can be deleted all the same", async () => {
    const { store, storage } = setUp();
    await store.save(tinyCheckpoint(1));
    await storage.publish("runs/run-a/ckpt-c1.json", new Uint8Array(3));
    await store.delete("c1");
    expect(await storage.list("")).toEqual([]);
    expect(await codeOf(() => store.load("c1"))).toBe("CKPT_MISSING");
  });
});

describe("keeping house", () => {
  const ids = async (store: CheckpointStore): Promise<string[]> => (await store.list()).manifests.map((m) => m.id);

  test("keeps the last two, the best of each stage, stage ends, pinned ones and parents", async () => {
    const { store } = setUp();
    const stage = (index: number, finished = false): Pick<CheckpointManifest, "stage"> => ({ stage: { index, kind: "pretrain", name: "s", finished } });
    const losses = [3, 1, 2, 4, 5, 6, 7, 8];
    for (const [i, valLoss] of losses.entries()) {
      await store.save(tinyCheckpoint(i + 1, { metrics: { valLoss }, ...stage(i < 4 ? 0 : 1, i === 3), ...(i === 6 ? { parentId: "c1" } : {}) }));
      if (i === 0) await store.pin("c1", true);
      if (i === 1) await store.pin("c1", false);
      if (i === 5) await store.pin("c6", true);
    }
    // c2 best of stage 0, c4 its end, c5 best of stage 1, c6 pinned, c7 and c8 the last two; c1 went before c7 named it.
    expect(await ids(store)).toEqual(["c2", "c4", "c5", "c6", "c7", "c8"]);
  });

  test("a parent of another run's checkpoint stays", async () => {
    const { store } = setUp();
    await store.save(tinyCheckpoint(1, { metrics: {} }));
    await store.save(tinyCheckpoint(1, { metrics: {}, runId: "run-b", parentId: "c1" }));
    for (const step of [2, 3, 4]) await store.save(tinyCheckpoint(step, { metrics: {} }));
    expect(await ids(store)).toContain("c1");
    expect(await ids(store)).not.toContain("c3");
  });

  test("a clock that jumps back confuses nothing", async () => {
    let now = 1e6;
    const { store } = setUp({ now: () => (now -= 1000) });
    for (const step of [1, 2, 3, 4]) await store.save(tinyCheckpoint(step, { metrics: {} }));
    expect(await ids(store)).toEqual(["c3", "c4"]);
    expectSame((await store.loadNewest("run-a"))!, 4);
  });

  test("at quota it lets old ones go, tries once more, and says so; if that is not enough the old ones still load", async () => {
    const notices: StoreNotice[] = [];
    const probe = await setUp().store.save(tinyCheckpoint(1, { metrics: {} }));
    const size = probe.file.bytes + manifestText(probe).length;
    const storage = new MemoryStorage(Math.floor(size * 2.5));
    let count = 0;
    const store = new CheckpointStore(storage, { newId: () => `c${++count}`, onNotice: (n) => notices.push(n) });
    for (const step of [1, 2, 3]) await store.save(tinyCheckpoint(step, { metrics: {} }));
    expect(notices).toMatchObject([{ code: "STORAGE_FULL" }]);
    expectSame((await store.loadNewest("run-a"))!, 3);
    const small = new CheckpointStore(new MemoryStorage(Math.floor(size * 1.5)), { newId: () => `c${++count}` });
    const { id } = await small.save(tinyCheckpoint(1, { metrics: {} }));
    expect(await codeOf(() => small.save(tinyCheckpoint(2, { metrics: {} })))).toBe("STORAGE_FULL");
    expectSame(await small.load(id), 1);
    expect((await small.storage.list("")).length).toBe(2);
    expect(await small.room(size)).toMatchObject({ code: "STORAGE_FULL" });
    expect(await small.room(1)).toBeNull();
  });

  test("opening a run sweeps what a crash left there, and leaves a run that is held alone", async () => {
    const { store, storage } = setUp();
    await store.save(tinyCheckpoint(1));
    await storage.publish("runs/run-a/ckpt-orphan.safetensors", new Uint8Array(9));
    await storage.publish("runs/run-a/ckpt-c1.json.crswap", new Uint8Array(9));
    await storage.publish("runs/run-b/ckpt-orphan.safetensors", new Uint8Array(9));
    const held = await storage.lock("run:run-b");
    const lock = await store.openRun("run-a");
    expect(await codeOf(() => store.openRun("run-a"))).toBe("STORAGE_LOCKED");
    await store.sweep();
    expect((await storage.list("")).map((f) => f.path)).toEqual(["runs/run-a/ckpt-c1.json", "runs/run-a/ckpt-c1.safetensors", "runs/run-b/ckpt-orphan.safetensors"]);
    await held.release();
    await lock.release();
    await store.sweep();
    expect((await storage.list("runs/run-b"))).toEqual([]);
    await (await store.openRun("run-a")).release();
  });

  test("an id that is no plain id reaches no path", async () => {
    const { store } = setUp();
    for (const id of ["../x", "a/b", "", "x".repeat(100)]) expect(await codeOf(() => store.load(id))).toBe("CKPT_MISSING");
    expect(await codeOf(() => store.save(tinyCheckpoint(1, { runId: "../x" })))).toBe("CKPT_MISSING");
  });

  test("large tensors are written in pieces between which the engine may breathe", async () => {
    let breaths = 0;
    const { store } = setUp({ breathe: () => Promise.resolve(void breaths++) });
    const big: Tensor = { shape: [3, 500_000], data: Float32Array.from({ length: 1_500_000 }, (_, i) => i / 7) };
    const { id } = await store.save(tinyCheckpoint(1, { resume: null }, { weights: new Map([["big", big]]), moments: null }));
    expect(breaths).toBe(3); // header, 4 MiB, the rest
    const { data } = (await store.load(id)).weights.get("big")!;
    expect(Buffer.compare(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), new Uint8Array(big.data.buffer))).toBe(0);
  });
});

describe("run records", () => {
  const record = (runId: string, updatedMs: number): Parameters<RunStore["save"]>[0] => ({ runId, name: "first", recipe: tinyRecipe, createdMs: 1, updatedMs, phase: "paused" });

  test("are listed newest first, and a damaged one does not hide the others", async () => {
    const storage = new MemoryStorage();
    const runs = new RunStore(storage);
    for (const [id, at] of [["a", 1], ["b", 3], ["c", 2]] as const) await runs.save(record(id, at));
    await flip(storage, "runs/c/run.json", 120);
    const { runs: found, problems } = await runs.list();
    expect(found.map((r) => r.runId)).toEqual(["b", "a"]);
    expect(problems).toMatchObject([{ code: "CKPT_CORRUPT" }]);
    expect(await runs.load("b")).toEqual(record("b", 3));
  });

  test("a deleted run leaves nothing", async () => {
    const { storage, store } = setUp();
    const runs = new RunStore(storage);
    await runs.save(record("run-a", 1));
    await store.save(tinyCheckpoint(1));
    const { log } = await runs.openLog("run-a");
    await log.append([{ globalStep: 1, type: "metrics", value: {} }]);
    await runs.delete("run-a");
    expect(await storage.list("")).toEqual([]);
  });
});
