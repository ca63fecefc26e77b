/** What the engine takes from where it runs: files beside the page, storage, a GPU, a clock. Tests give others. */
import { openStorage, type Storage, type StoreNotice } from "../store/index.ts";
import { graphicsIdentity } from "./graphics.ts";
import type { Threads } from "./threads.ts";

export interface Environment {
  /** Bytes of a file that ships with the page, by its path relative to the page. */
  fetchFile(path: string): Promise<Uint8Array<ArrayBuffer>>;
  openStorage(): Promise<{ storage: Storage; notice: StoreNotice | null }>;
  readonly gpu: GPU | undefined;
  readonly secureContext: boolean;
  /** Helper threads for the CPU backend; absent = one thread, and nothing is said of it. */
  readonly threads?: Threads;
  /** Names the browser and its version. */
  readonly userAgent: string;
  /** The browser's exact version and the graphics driver's, as far as they are told; absent = nothing is. */
  readonly graphics?: () => Promise<string>;
  /** Milliseconds, monotonic. */
  now(): number;
  /** Milliseconds since 1970, for file dates. */
  date(): number;
  /** Lets messages in. */
  breathe(): Promise<void>;
}

/** Yields to the message queue: a MessageChannel's turn, without the 4 ms that nested timers cost. */
export function messageBreath(): () => Promise<void> {
  const { port1, port2 } = new MessageChannel();
  const waiting: (() => void)[] = [];
  port1.onmessage = () => waiting.shift()?.();
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      port2.postMessage(null);
    });
}

export function workerEnvironment(baseUrl: () => string, threads?: Threads): Environment {
  let graphics: Promise<string> | undefined;
  return {
    ...(threads ? { threads } : {}),
    graphics: () => (graphics ??= graphicsIdentity()),
    async fetchFile(path) {
      const response = await fetch(new URL(path, baseUrl()));
      if (!response.ok) throw new Error(`${path} could not be loaded: the server answered ${response.status}. Reload the page.`);
      return new Uint8Array(await response.arrayBuffer());
    },
    openStorage: () => openStorage(),
    gpu: typeof navigator === "undefined" ? undefined : navigator.gpu,
    secureContext: globalThis.isSecureContext ?? true,
    userAgent: typeof navigator === "undefined" ? "" : navigator.userAgent,
    now: () => performance.now(),
    date: () => Date.now(),
    breathe: messageBreath(),
  };
}
