/** The thread that everything trains in: composes the engine and exposes it. Nothing here to test. */
import { exposeInWorker } from "../src/engine/expose.ts";
import { createEngine } from "../src/engine/index.ts";
import { pageThreads } from "../src/engine/threads.ts";
import threadUrl from "./cpu-thread.worker.ts?worker&url";

exposeInWorker(createEngine(undefined, pageThreads(threadUrl)));
