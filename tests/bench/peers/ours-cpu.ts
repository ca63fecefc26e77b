/** This project's CPU backend as a contender: in a worker, since the page's own thread may not wait for helper threads. */
import { wrap } from "comlink";
import type { Contender } from "./contender.ts";
import type { OursInWorker } from "./ours-cpu.worker.ts";
import workerUrl from "./ours-cpu.worker.ts?worker&url";

export async function open(): Promise<Contender> {
  const remote = wrap<OursInWorker>(new Worker(workerUrl, { type: "module" }));
  return { about: await remote.open(location.href), train: (name) => remote.train(name), operation: (kernel) => remote.operation(kernel) };
}
