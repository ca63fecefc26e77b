/** The worker that this project trains in on the CPU, with helper threads as in its own page: the contender behind Comlink. */
import { expose, proxy } from "comlink";
import { pageThreads } from "../../../src/engine/threads.ts";
import threadUrl from "../../../workers/cpu-thread.worker.ts?worker&url";
import type { ReferenceName } from "../../../src/bench/reference.ts";
import type { KernelCase } from "./cases.ts";
import type { Contender, Operation, Training } from "./contender.ts";
import { open } from "./ours.ts";

let contender: Contender;

const remote = {
  /** @param baseUrl of the page, which the kernels lie beside */
  async open(baseUrl: string): Promise<string> {
    contender = await open("wasm", baseUrl, pageThreads(threadUrl));
    return contender.about;
  },
  train: async (name: ReferenceName): Promise<Training> => proxy(await contender.train(name)),
  operation: async (kernel: KernelCase): Promise<Operation> => proxy(await contender.operation(kernel)),
};

export type OursInWorker = typeof remote;

expose(remote);
