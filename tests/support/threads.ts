/** The CPU device with helper threads, in Node: each is a worker with the very loop of the page's (src/device/cpu/thread.ts). */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { transformWithOxc } from "vite";
import { ensureWasm, SHARED_WASM_FILES } from "../../src/cli/build.ts";
import { root } from "../../src/cli/paths.ts";
import { createCpuDevice, type CpuDevice, type CpuDeviceOptions } from "../../src/device/cpu/cpu-device.ts";
import { startThreadPool, type Helper, type PoolOptions, type ThreadPool } from "../../src/device/cpu/thread-pool.ts";
import { relaxedModule, wasmModule } from "./wasm.ts";

let source: Promise<string> | undefined;

/** thread.ts as JavaScript that a worker of Node's takes, and what it does there: by default what the page's worker does. */
export async function threadSource(body = `serveThread(start, () => parentPort.postMessage("ready"));`): Promise<string> {
  source ??= transformWithOxc(readFileSync(join(root, "src/device/cpu/thread.ts"), "utf8"), "thread.ts").then(({ code }) => code);
  return `${await source}\nimport { parentPort } from "node:worker_threads";\nparentPort.once("message", (start) => { ${body} });`;
}

/** Workers that have not ended. */
export const living = new Set<Worker>();

export function nodeHelper(code: string): Helper & { readonly worker: Worker } {
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`));
  living.add(worker);
  let told: ((why: string) => void) | null = null;
  let ended = false;
  worker.on("exit", () => {
    living.delete(worker);
    if (!ended) told?.("one ended");
  });
  worker.on("error", (error) => told?.(error.message));
  return {
    worker,
    start: (message) =>
      new Promise((resolve, reject) => {
        worker.once("message", () => resolve());
        worker.once("error", reject);
        worker.once("exit", () => reject(new Error("a helper thread ended before it began")));
        worker.postMessage(message);
      }),
    onLost: (tell) => void (told = tell),
    terminate: () => {
      ended = true;
      void worker.terminate();
    },
  };
}

const modules = new Map<string, WebAssembly.Module>();

export async function sharedModules(relaxed: boolean): Promise<PoolOptions["modules"]> {
  await ensureWasm();
  if (relaxed) await relaxedModule();
  const compiled = (file: string): WebAssembly.Module => {
    if (!modules.has(file)) modules.set(file, new WebAssembly.Module(readFileSync(join(root, file))));
    return modules.get(file)!;
  };
  return { plain: compiled(SHARED_WASM_FILES.plain), ...(relaxed ? { relaxed: compiled(SHARED_WASM_FILES.relaxed) } : {}) };
}

export interface ThreadedOptions extends Pick<CpuDeviceOptions, "poison" | "splitFromMs"> {
  readonly relaxed?: boolean;
  /** What the helpers do in place of their work. */
  readonly body?: string;
  readonly pool?: Partial<PoolOptions>;
}

export interface Threaded {
  readonly device: CpuDevice;
  readonly pool: ThreadPool;
  readonly workers: readonly Worker[];
  /** What was told of lost threads. */
  readonly lost: string[];
}

/** Splits every launch, however small, unless told otherwise. */
export async function threadedDevice(threads: number, { relaxed = false, body, pool: change = {}, ...options }: ThreadedOptions = {}): Promise<Threaded> {
  const [code, lost, workers] = [await threadSource(body), [] as string[], [] as Worker[]];
  const open = (): Helper => {
    const helper = nodeHelper(code);
    workers.push(helper.worker);
    return helper;
  };
  const pool = await startThreadPool({ modules: await sharedModules(relaxed), threads, open, onLost: (why) => lost.push(why), startMs: 20_000, ...change });
  const device = createCpuDevice({ wasm: await wasmModule(), ...(relaxed ? { relaxed: await relaxedModule() } : {}), splitFromMs: 0, ...options, pool });
  return { device, pool, workers, lost };
}
