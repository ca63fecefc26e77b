/**
 * The real engine: makes the worker and speaks to it through Comlink. The only place in the page that knows either; the
 * controller gets it as a function, so that a stub can stand in.
 */
import { proxy, releaseProxy, wrap } from "comlink";
import type { EngineApi, ErrorReport } from "../protocol/index.ts";
import workerUrl from "../../workers/engine.worker.ts?worker&url";

export interface EngineConnection {
  readonly api: EngineApi;
  /** Resolves when the worker can no longer answer: it failed to load, or threw where nobody caught it. */
  readonly died: Promise<ErrorReport>;
  dispose(): void;
}

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
}

let policy: { createScriptURL(url: string): string } | undefined;

/** Under `require-trusted-types-for 'script'` a worker's address must come from a named policy; this one passes a single address. */
function trustedWorkerUrl(): string {
  const factory = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes;
  policy ??= factory?.createPolicy("app-worker", {
    createScriptURL: (url) => {
      if (url !== workerUrl) throw new TypeError(`app-worker: refused ${url}; the only worker is ${workerUrl}`);
      return url;
    },
  });
  return policy?.createScriptURL(workerUrl) ?? workerUrl;
}

/** Starts the worker. Resolves at once: a worker that cannot load is told through `died`. */
export function connectEngine(): Promise<EngineConnection> {
  const worker = new Worker(trustedWorkerUrl(), { type: "module", name: "nestling-engine" });
  const remote = wrap<EngineApi>(worker);
  const died = new Promise<ErrorReport>((resolve) => {
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      const why = event.message ? `: ${event.message}` : " while loading";
      resolve({ code: "WORKER_DEAD", message: `The engine stopped${why}. What was saved is kept; reload the page to go on.`, details: {} });
    });
    worker.addEventListener("messageerror", () =>
      resolve({ code: "WORKER_DEAD", message: "The engine sent something unreadable. What was saved is kept; reload the page to go on.", details: {} }),
    );
  });
  const api: EngineApi = {
    start: (options, listener) => remote.start(options, proxy(listener)),
    startRun: (options) => remote.startRun(options),
    openRun: (runId) => remote.openRun(runId),
    play: () => remote.play(),
    pause: () => remote.pause(),
    singleStep: () => remote.singleStep(),
    turnKnobs: (knobs) => remote.turnKnobs(knobs),
    undo: () => remote.undo(),
    fork: (checkpointId) => remote.fork(checkpointId),
    stop: () => remote.stop(),
    setVisible: (visible) => remote.setVisible(visible),
    setPace: (pace) => remote.setPace(pace),
    bench: (request, scene) => remote.bench(request, scene),
    stopBench: () => remote.stopBench(),
    listKernels: () => remote.listKernels(),
    tryKernel: (text, timed) => remote.tryKernel(text, timed),
    trainKernel: (text) => remote.trainKernel(text),
    profileStep: () => remote.profileStep(),
    calibrate: (recipe) => remote.calibrate(recipe),
    planMemory: (recipe) => remote.planMemory(recipe),
    ask: (request) => remote.ask(request),
    stopAnswer: (requestId) => remote.stopAnswer(requestId),
    watchNextWord: (prompt) => remote.watchNextWord(prompt),
    nextWord: (checkpointId, prompt, count) => remote.nextWord(checkpointId, prompt, count),
    lookInside: (checkpointId, prompt) => remote.lookInside(checkpointId, prompt),
    closeInside: () => remote.closeInside(),
    gradientNorms: () => remote.gradientNorms(),
    tokenize: (checkpointId, text) => remote.tokenize(checkpointId, text),
    chatPieces: (checkpointId, question, answer) => remote.chatPieces(checkpointId, question, answer),
    addCorpus: (name, data, choices, intakeId) => remote.addCorpus(name, data, choices, intakeId),
    stopIntake: (intakeId) => remote.stopIntake(intakeId),
    previewCorpus: (files, options) => remote.previewCorpus(files, options),
    deleteCorpus: (id) => remote.deleteCorpus(id),
    listCheckpoints: () => remote.listCheckpoints(),
    deleteCheckpoint: (id) => remote.deleteCheckpoint(id),
    exportCheckpoint: (id) => remote.exportCheckpoint(id),
    importCheckpoint: (name, data) => remote.importCheckpoint(name, data),
    eventsSince: (runId, seq) => remote.eventsSince(runId, seq),
    dispose: () => remote.dispose(),
  };
  const dispose = (): void => {
    remote[releaseProxy]();
    worker.terminate();
  };
  return Promise.resolve({ api, died, dispose });
}
