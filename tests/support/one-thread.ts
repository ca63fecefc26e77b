/**
 * Gives the software adapter one thread in this process. Test files run in two processes by day: an adapter with a thread for every core in each of
 * them waits by spinning more than it computes (measured in docs/LOG.md). Where workgroups race each other, two threads show it: those are given
 * at night and in Chromium, which runs the kernels' tests too (tests/e2e/gpu-tests).
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chdir, cwd } from "node:process";
import { ofOneThread, withOneThread } from "./adapter-threads.ts";
import { gpuDevice } from "./gpu.ts";

/** The software adapter's own threads, by the name it gives them. */
const adapterThreads = (): number =>
  readdirSync("/proc/self/task").filter((id) => readFileSync(`/proc/self/task/${id}/comm`, "utf8").startsWith("Thread<")).length;

if (ofOneThread) {
  const [folder, was] = [mkdtempSync(join(tmpdir(), "nestling-adapter-")), cwd()];
  chdir(withOneThread(folder));
  try {
    await gpuDevice();
  } finally {
    chdir(was);
    rmSync(folder, { recursive: true });
  }
  const threads = adapterThreads();
  if (threads > 1) throw new Error(`The software adapter has ${threads} threads of its own and was told to take 1: tests would take twice as long. Something opened it before tests/support/one-thread.ts.`);
}
