/**
 * The guard between Comlink and the engine. Comlink's `expose` walks any path that a message names (its issue 603: a
 * path through "__proto__" pollutes Object.prototype), so what reaches it here has passed an allow-list: a call of one
 * of the engine's own methods, or the release. Everything else is dropped and counted.
 */
import { type Endpoint, expose } from "comlink";
import { NestlingError } from "../core/errors.ts";
import type { EngineApi } from "../protocol/index.ts";

/** Every method of the protocol: a missing or a superfluous one is a compile error. */
const METHODS: Readonly<Record<keyof EngineApi, true>> = {
  start: true,
  startRun: true,
  openRun: true,
  play: true,
  pause: true,
  singleStep: true,
  turnKnobs: true,
  undo: true,
  fork: true,
  stop: true,
  setVisible: true,
  setPace: true,
  bench: true,
  stopBench: true,
  listKernels: true,
  tryKernel: true,
  trainKernel: true,
  profileStep: true,
  calibrate: true,
  planMemory: true,
  ask: true,
  stopAnswer: true,
  watchNextWord: true,
  nextWord: true,
  lookInside: true,
  closeInside: true,
  gradientNorms: true,
  tokenize: true,
  chatPieces: true,
  addCorpus: true,
  stopIntake: true,
  previewCorpus: true,
  deleteCorpus: true,
  listCheckpoints: true,
  deleteCheckpoint: true,
  exportCheckpoint: true,
  importCheckpoint: true,
  eventsSince: true,
  dispose: true,
};
const METHOD_NAMES: ReadonlySet<string> = new Set(Object.keys(METHODS));
const MOST_ARGUMENTS = 8;

/** True for a message that calls one method with plain or proxied arguments, and for the release of the proxy. */
export function isAllowed(message: unknown): boolean {
  if (typeof message !== "object" || message === null) return false;
  const { type, path, argumentList } = message as { type?: unknown; path?: unknown; argumentList?: unknown };
  if (type === "RELEASE") return argumentList === undefined && (path === undefined || (Array.isArray(path) && path.length === 0));
  if (!Array.isArray(path)) return false;
  if (type !== "APPLY" || path.length !== 1 || typeof path[0] !== "string" || !METHOD_NAMES.has(path[0])) return false;
  return Array.isArray(argumentList) && argumentList.length <= MOST_ARGUMENTS && argumentList.every(isPlainOrProxied);
}

/** Comlink's "throw" handler would raise its argument inside the message listener, where no caller hears it. */
function isPlainOrProxied(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { type, name } = value as { type?: unknown; name?: unknown };
  return type === "RAW" || (type === "HANDLER" && name === "proxy");
}

/** The engine as a frozen object without a prototype, each method its own and bound. */
export function surfaceOf(engine: EngineApi): EngineApi {
  const surface = Object.create(null) as Record<string, unknown>;
  for (const name of Object.keys(METHODS) as (keyof EngineApi)[]) {
    const method = engine[name] as unknown;
    if (typeof method !== "function") throw new NestlingError("COMMAND", `the engine has no method "${name}", which the protocol names`, { name });
    surface[name] = (...args: unknown[]): unknown => method.apply(engine, args);
  }
  return Object.freeze(surface) as unknown as EngineApi;
}

export interface Exposed {
  /** Messages refused so far. */
  dropped(): number;
}

/** Serves the engine on an endpoint behind the allow-list. In a page use `exposeInWorker`; this is the part that tests reach. */
export function exposeEngine(engine: EngineApi, endpoint: Endpoint): Exposed {
  let dropped = 0;
  const wrappers = new Map<EventListenerOrEventListenerObject, (event: Event) => void>();
  const guarded: Endpoint = {
    postMessage: (message, transfer) => endpoint.postMessage(message, transfer),
    start: () => endpoint.start?.(),
    addEventListener(type, listener, options) {
      const wrapper = (event: Event): void => {
        if (type === "message" && !isAllowed((event as MessageEvent).data)) {
          dropped++;
          console.warn(`Dropped a message that calls no method of the engine (${dropped} so far).`);
          return;
        }
        if (typeof listener === "function") listener(event);
        else listener.handleEvent(event);
      };
      wrappers.set(listener, wrapper);
      endpoint.addEventListener(type, wrapper, options);
    },
    removeEventListener(type, listener, options) {
      endpoint.removeEventListener(type, wrappers.get(listener) ?? listener, options);
      wrappers.delete(listener);
    },
  };
  expose(surfaceOf(engine), guarded);
  return { dropped: () => dropped };
}

/** @throws NestlingError COMMAND anywhere but in a dedicated worker: on a window any frame could call the engine */
export function exposeInWorker(engine: EngineApi): Exposed {
  const scope = globalThis as unknown as { DedicatedWorkerGlobalScope?: new () => object };
  const kind = scope.DedicatedWorkerGlobalScope;
  if (kind === undefined || !(globalThis instanceof kind)) {
    throw new NestlingError("COMMAND", "the engine is exposed in a dedicated worker only");
  }
  return exposeEngine(engine, globalThis as unknown as Endpoint);
}
