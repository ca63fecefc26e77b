/** Every storage call fails once, in every mode: what can be loaded afterwards is the old checkpoint or the new one, whole. And corruption: 1,000 flips, 1,000 cuts. */
import { describe, expect, test } from "vitest";
import { NestlingError } from "../../src/core/errors.ts";
import { CheckpointStore, MemoryStorage, RunStore, decodeCheckpoint, encodeCheckpoint, manifestText, parseManifest } from "../../src/store/index.ts";
import type { CheckpointInput, LoadedCheckpoint, Storage, Tensor } from "../../src/store/index.ts";
import { Draws } from "../../src/core/random.ts";
import { FAULT_MODES, FaultyStorage } from "./faulty-storage.ts";
import { codeOf, tinyCheckpoint, tinyRecipe } from "./helpers.ts";

const digest = (tensors: ReadonlyMap<string, Tensor>): string =>
  [...tensors].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, { data }]) => `${name}:${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64")}`).join(";");

const allDigests = ({ weights, moments }: Pick<CheckpointInput, "weights" | "moments">): string[] => [weights, moments!.m, moments!.v].map(digest);

const saved = [0, 1, 2, 3, 4].map((step) => allDigests(tinyCheckpoint(step)));

/** The step of a loaded checkpoint, after every bit was compared with what was saved at that step. */
function wholeStep(loaded: LoadedCheckpoint): number {
  expect(allDigests(loaded)).toEqual(saved[loaded.manifest.step]);
  return loaded.manifest.step;
}

let ids = 0;
/** The clock stands still and ids fall, so that nothing but the sequence can say which is newest. */
const open = (storage: Storage, verifyEvery = 1): CheckpointStore => new CheckpointStore(storage, { newId: () => `id${1_000_000 - ++ids}`, now: () => 1000, verifyEvery });

const sound = (async () => {
  const storage = new MemoryStorage();
  for (const step of [1, 2]) await open(storage).save(tinyCheckpoint(step, { metrics: {} }));
  return Promise.all((await storage.list("")).map(async ({ path }) => [path, await storage.read(path)] as const));
})();

/** A disk with steps 1 and 2 on it. */
async function twoSaved(): Promise<MemoryStorage> {
  const storage = new MemoryStorage();
  for (const [path, bytes] of await sound) await storage.publish(path, bytes);
  return storage;
}

describe.each(FAULT_MODES)("when a storage call fails by mode %s", (mode) => {
  const silent = mode === "wrong" || mode === "silent";
  // Not read back, wrong bytes are only met when loading: then the old one must take over.
  test.each(silent ? [1, 100] : [1])("saving (read back every %i saves) leaves old or new whole, for every call, and the next save works", async (verifyEvery) => {
    let rounds = 0;
    for (let failAt = 0; ; failAt++) {
      const disk = await twoSaved();
      const faulty = new FaultyStorage(disk, failAt, mode);
      const store = open(faulty, verifyEvery);
      let acknowledged = false;
      try {
        if (verifyEvery > 1) await store.save(tinyCheckpoint(1, { metrics: {}, runId: "other" })); // the first save is always read back
        await store.save(tinyCheckpoint(3, { metrics: {} }));
        acknowledged = true;
      } catch (error) {
        expect(error).toBeInstanceOf(NestlingError);
      }
      // The process ends here; a new one finds the disk as it is.
      const next = open(disk);
      const lock = await next.openRun("run-a");
      const step = wholeStep((await next.loadNewest("run-a"))!);
      if (acknowledged && !(silent && verifyEvery > 1)) expect(step).toBe(3);
      else expect([2, 3]).toContain(step);
      await next.save(tinyCheckpoint(4, { metrics: {} }));
      expect(wholeStep((await open(disk).loadNewest("run-a"))!)).toBe(4);
      await lock.release();
      rounds++;
      if (!faulty.fired) break;
    }
    expect(rounds).toBeGreaterThan(20);
  });

  test("loading gives a whole checkpoint or a typed error, and damages nothing", async () => {
    for (let failAt = 0; ; failAt++) {
      const disk = await twoSaved();
      const faulty = new FaultyStorage(disk, failAt, mode);
      try {
        const loaded = await open(faulty).loadNewest("run-a");
        if (loaded) expect([1, 2]).toContain(wholeStep(loaded));
      } catch (error) {
        expect(error).toBeInstanceOf(NestlingError);
      }
      expect(wholeStep((await open(disk).loadNewest("run-a"))!)).toBe(2);
      if (!faulty.fired) break;
    }
  });

  test("opening, sweeping and deleting lose no other checkpoint", async () => {
    for (let failAt = 0; ; failAt++) {
      const disk = await twoSaved();
      await disk.publish("runs/run-a/ckpt-orphan.safetensors", new Uint8Array(5));
      const [first] = (await open(disk).list()).manifests;
      const faulty = new FaultyStorage(disk, failAt, mode);
      const store = open(faulty);
      await codeOf(async () => {
        const lock = await store.openRun("run-a");
        await store.sweep();
        await store.delete(first!.id);
        await lock.release();
      });
      const next = open(disk);
      const lock = await next.openRun("run-a", 50).catch(() => null);
      expect(wholeStep((await next.loadNewest("run-a"))!)).toBe(2);
      // Nothing is left that a person would have to repair (a lock that could not be let go ends with its process).
      expect((await next.list()).problems).toEqual([]);
      await lock?.release();
      if (!faulty.fired) break;
    }
  });

  test("the record of a run is the old or the new, and its log a prefix of what was appended", async () => {
    for (let failAt = 0; ; failAt++) {
      const disk = new MemoryStorage();
      const record = (phase: string): Parameters<RunStore["save"]>[0] => ({ runId: "a", name: "n", recipe: tinyRecipe, createdMs: 1, updatedMs: 1, phase });
      const values = [1, 2, 3].map((globalStep) => ({ globalStep, type: "metrics", value: globalStep }));
      await new RunStore(disk).save(record("old"));
      const faulty = new FaultyStorage(disk, failAt, mode);
      const runs = new RunStore(faulty);
      await codeOf(() => runs.save(record("new")));
      await codeOf(async () => {
        const { log } = await runs.openLog("a");
        for (const value of values) await log.append([value]);
      });
      const after = new RunStore(disk);
      const seen = await after.load("a").then((r) => r.phase, (e: NestlingError) => e.code);
      expect(mode === "wrong" ? ["old", "new", "CKPT_CORRUPT"] : ["old", "new"]).toContain(seen);
      const { records } = await after.openLog("a");
      expect(records).toEqual(values.slice(0, records.length));
      if (!faulty.fired) break;
    }
  });
});

describe("corruption", () => {
  const { bytes, manifest } = encodeCheckpoint(tinyCheckpoint(5), { id: "x", createdMs: 1 });
  const text = new TextEncoder().encode(manifestText(manifest));
  const draws = new Draws(3, "world", { site: "corruption" });

  test("1,000 flipped bits and 1,000 cuts of the tensors are all seen", async () => {
    for (let i = 0; i < 1000; i++) {
      const flipped = bytes.slice();
      flipped[draws.nextInt(bytes.length)]! ^= 1 << draws.nextInt(8);
      expect(await codeOf(() => decodeCheckpoint(manifest, flipped))).toBe("CKPT_CORRUPT");
      expect(await codeOf(() => decodeCheckpoint(manifest, bytes.slice(0, draws.nextInt(bytes.length))))).toBe("CKPT_CORRUPT");
    }
    expect(await codeOf(() => decodeCheckpoint(manifest, bytes))).toBe("none");
  });

  test("1,000 flipped bits and 1,000 cuts of the manifest are seen, or change nothing", async () => {
    const whole = JSON.stringify(parseManifest(new TextDecoder().decode(text)));
    let harmless = 0;
    for (let i = 0; i < 1000; i++) {
      const flipped = text.slice();
      flipped[draws.nextInt(text.length)]! ^= 1 << draws.nextInt(8);
      for (const damaged of [flipped, text.slice(0, draws.nextInt(text.length))]) {
        let read = "";
        const code = await codeOf(() => (read = JSON.stringify(parseManifest(new TextDecoder().decode(damaged)))));
        if (code === "none") {
          expect(read).toBe(whole);
          harmless++;
        } else expect(code).toMatch(/^CKPT_(CORRUPT|VERSION)$/);
      }
    }
    expect(harmless).toBeLessThan(20);
  });
});
