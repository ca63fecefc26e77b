/** The thread that everything trains in: composes the engine and exposes it. Nothing here to test. */
import { exposeInWorker } from "../src/engine/expose.ts";
import { createEngine } from "../src/engine/index.ts";

exposeInWorker(createEngine());
