/** An engine in Node: files from this repository, storage in memory. What a page gives is `src/engine/environment.ts`. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { packCorpora } from "../../src/data/corpora/pack.ts";
import { CORPORA, serializeCorpus } from "../../src/data/corpora/index.ts";
import { createEngine } from "../../src/engine/index.ts";
import { messageBreath, type Environment } from "../../src/engine/environment.ts";
import type { EngineApi, EngineEvent, RunState } from "../../src/protocol/messages.ts";
import { MemoryStorage, type Storage } from "../../src/store/index.ts";

const here = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
let packed: ReturnType<typeof packCorpora> | undefined;

export async function fetchFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  if (/^kernels[a-z-]*\.wasm$/.test(path)) return new Uint8Array(readFileSync(here(`src/kernels/wasm/build/${path}`)));
  if (path === "bench/reference.gz") return new Uint8Array(readFileSync(here("public/bench/reference.gz")));
  const utf8 = new TextEncoder();
  if (path === "corpora/index.json") return utf8.encode(JSON.stringify(CORPORA.map(({ id }) => ({ id, bytes: 1 }))));
  // Seconds of work, which a test of the made world or of own data does without.
  const corpus = (await (packed ??= packCorpora())).find(({ id }) => path === `corpora/${id}.txt`);
  if (corpus) return utf8.encode(serializeCorpus(corpus.documents));
  throw new Error(`${path} is not among the test's files`);
}

export function nodeEnvironment(storage: Storage = new MemoryStorage()): Environment {
  return {
    fetchFile, openStorage: async () => ({ storage, notice: null }), gpu: undefined, secureContext: true, userAgent: "node",
    now: () => performance.now(), date: () => Date.now(), breathe: messageBreath(),
  };
}

export interface TestEngine {
  readonly api: EngineApi;
  readonly events: EngineEvent[];
  /** Resolves with the first state of the run for which the test holds. */
  until(holds: (state: RunState) => boolean): Promise<RunState>;
}

export async function startTestEngine(storage?: Storage, other: Partial<Environment> = {}): Promise<TestEngine> {
  const events: EngineEvent[] = [];
  const waiting: (() => void)[] = [];
  const api = createEngine({ ...nodeEnvironment(storage), ...other });
  await api.start({ backend: "cpu", baseUrl: "http://localhost/" }, (batch) => {
    events.push(...batch);
    for (const wake of waiting.splice(0)) wake();
  });
  const until = async (holds: (state: RunState) => boolean): Promise<RunState> => {
    for (let seen = 0; ; ) {
      for (; seen < events.length; seen++) {
        const event = events[seen]!;
        if (event.type === "state" && holds(event.state)) return event.state;
        if (event.type === "state" && event.state.phase === "failed") throw new Error(event.state.error?.message ?? "failed");
      }
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  };
  return { api, events, until };
}
