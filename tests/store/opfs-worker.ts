/** The worker of opfs.e2e.test.ts: does one job over real OPFS and posts what came of it. It asserts nothing beyond the contract. */
import { describeError } from "../../src/core/errors.ts";
import { CheckpointStore, openOpfsStorage } from "../../src/store/index.ts";
import type { LoadedCheckpoint } from "../../src/store/index.ts";
import { tinyCheckpoint } from "./samples.ts";
import { checkStorage } from "./storage-contract.ts";

export type OpfsJob =
  | { readonly job: "contract" }
  /** Saves steps `from`, `from` + 1, ... until it is ended, posting each after it is saved; the lock is held. */
  | { readonly job: "saveForEver"; readonly from: number }
  /** Takes the lock (waiting `waitMs`), opens the newest checkpoint, compares every bit. */
  | { readonly job: "recover"; readonly waitMs: number; readonly hold?: boolean }
  | { readonly job: "fill"; readonly megabytes: number };

const equal = (loaded: LoadedCheckpoint): boolean => {
  if (!loaded.moments) return false;
  const saved = tinyCheckpoint(loaded.manifest.step);
  const parts = [[loaded.weights, saved.weights], [loaded.moments.m, saved.moments!.m], [loaded.moments.v, saved.moments!.v]] as const;
  return parts.every(([a, b]) => a.size === b.size && [...b].every(([name, t]) => t.data.every((x, i) => Object.is(x, a.get(name)!.data[i]))));
};

async function work(message: OpfsJob): Promise<void> {
  if (message.job === "contract") {
    const name = `contract-${crypto.randomUUID()}`;
    return postMessage({ held: await checkStorage(await openOpfsStorage(name)) });
  }
  const storage = await openOpfsStorage("opfs-test");
  const store = new CheckpointStore(storage);
  if (message.job === "fill") {
    const before = await store.loadNewest("run-a");
    const big = { shape: [message.megabytes * 250_000], data: new Float32Array(message.megabytes * 250_000).fill(1) };
    const input = tinyCheckpoint(99, { resume: null }, { moments: null, weights: new Map([["big", big]]) });
    const code = await store.save(input).then(() => "none", (error: unknown) => describeError(error).code);
    const after = await store.loadNewest("run-a");
    const files = (await storage.list("runs")).map(({ path }) => path);
    return postMessage({ code, before: before!.manifest.step, after: after!.manifest.step, whole: equal(after!), files });
  }
  const lock = await store.openRun("run-a", message.job === "recover" ? message.waitMs : 5000);
  if (message.job === "recover") {
    const loaded = await store.loadNewest("run-a");
    postMessage({ step: loaded?.manifest.step ?? 0, whole: loaded === null || equal(loaded), notice: loaded?.notice?.text ?? null });
    if (!message.hold) await lock.release();
    return;
  }
  for (let step = message.from; ; step++) {
    await store.save(tinyCheckpoint(step, { metrics: {} }));
    postMessage({ saved: step });
  }
}

addEventListener("message", (event: MessageEvent<OpfsJob>) => {
  work(event.data).catch((error: unknown) => postMessage({ error: describeError(error) }));
});
