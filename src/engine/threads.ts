/** How many threads the CPU backend gets, and why: as many as share memory here, else one. Starts nested workers; knows no kernel. */
import { startThreadPool, type Helper, type PoolOptions, type ThreadPool } from "../device/cpu/thread-pool.ts";

/** More would wait for memory, or share a core's arithmetic. */
const MOST_THREADS = 8;

/** What the place that the engine runs in gives. */
export interface Threads {
  /** Logical cores. */
  readonly cores: number;
  /** Whether memory may be shared: in a page, whether it is cross-origin isolated. */
  readonly isolated: boolean;
  open(): Helper;
}

export interface OpenedThreads {
  /** Null where one thread does it all. */
  readonly pool: ThreadPool | null;
  /** A sentence for the device's report. */
  readonly why: string;
}

/** Two logical cores are often one that takes turns, so beyond two cores half of them are taken. */
export const threadsFor = (cores: number): number => (cores <= 2 ? Math.max(1, cores) : Math.min(MOST_THREADS, Math.ceil(cores / 2)));

/** @param load compiles the builds for shared memory; called only where there will be threads */
export async function openThreads(threads: Threads, load: () => Promise<PoolOptions["modules"]>, onLost: (why: string) => void, limits: Pick<PoolOptions, "startMs" | "waitMs"> = {}): Promise<OpenedThreads> {
  if (!threads.isolated) return { pool: null, why: "One thread: this page is not cross-origin isolated, since its server sends no COOP and COEP headers." };
  const count = threadsFor(threads.cores);
  if (count === 1) return { pool: null, why: "One thread: this machine gives one core." };
  try {
    const pool = await startThreadPool({ modules: await load(), threads: count, open: () => threads.open(), onLost, ...limits });
    return { pool, why: `${count} threads share its work.` };
  } catch (error) {
    return { pool: null, why: `One thread: ${count} were tried, and ${error instanceof Error ? error.message : String(error)}.` };
  }
}

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
}

let policy: { createScriptURL(url: string): string } | undefined;

/** As for the engine's own worker: a worker's address must come from a named policy, and this one passes a single address. */
function trusted(threadUrl: string): string {
  const factory = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes;
  policy ??= factory?.createPolicy("app-worker", {
    createScriptURL: (url) => {
      if (url !== threadUrl) throw new TypeError(`app-worker: refused ${url}; the only worker is ${threadUrl}`);
      return url;
    },
  });
  return policy?.createScriptURL(threadUrl) ?? threadUrl;
}

/** Nested workers of the engine's own, in a browser. */
export function pageThreads(threadUrl: string): Threads {
  return {
    cores: navigator.hardwareConcurrency || 1,
    isolated: globalThis.crossOriginIsolated === true && typeof SharedArrayBuffer !== "undefined",
    open: () => helperOf(new Worker(trusted(threadUrl), { type: "module", name: "nestling-cpu-thread" })),
  };
}

function helperOf(worker: Worker): Helper {
  let told: ((why: string) => void) | null = null;
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    told?.(event.message || "one failed");
  });
  return {
    start: (message) =>
      new Promise((resolve, reject) => {
        worker.addEventListener("message", () => resolve(), { once: true });
        worker.addEventListener("error", (event) => reject(new Error(`a helper thread failed${event.message ? ` (${event.message})` : " while loading"}`)), { once: true });
        worker.postMessage(message);
      }),
    onLost: (tell) => void (told = tell),
    terminate: () => worker.terminate(),
  };
}
