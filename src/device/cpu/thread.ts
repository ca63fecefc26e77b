/**
 * What the threads of the CPU device say to each other, and the loop of a helper. A launch is a job of so many shares; whoever is free
 * claims the next one, so that nobody waits for a helper that is late, asleep or gone before it claimed. Starts no thread.
 */
import type { Arithmetic } from "./arithmetic.ts";

/** Scratch and control of one instance at the foot of the memory, and of each thread's instance its own. */
export const SCRATCH_BYTES = 1 << 20;

// Words of the control block; those that are written by different threads lie in cache lines of their own.
/** The job's number, how many shares it has, and the next to be claimed: one word, so that a claim is one exchange. */
export const STATE = 0;
/** Shares done. */
export const DONE = 16;
/** Helpers that sleep. */
export const ASLEEP = 32;
/** Not 0: helpers end. */
export const STOP = 33;
/** Not 0: a share trapped. */
export const TRAPPED = 34;
/** Shares that each thread has done since its start, by its index. */
export const DONE_BY = 48;
export const CONTROL_WORDS = 112;

const FIELD_BITS = 6;
export const MOST_SHARES = (1 << FIELD_BITS) - 1;

// Numbers of a job: which build, which export, how many arguments, the arguments.
export const BUILD = 0;
export const EXPORT = 1;
export const COUNT = 2;
export const ARGUMENTS = 3;
export const JOB_NUMBERS = 32;

/** Loads of the state before a helper sleeps: some tens of microseconds, the gap between two launches of a step. */
export const SPINS = 4000;

export type Run = (...args: number[]) => void;

/** All that a helper is told. Everything in it can be posted, and the memories are shared. */
export interface ThreadStart {
  readonly control: Int32Array;
  readonly job: Float64Array;
  readonly memory: WebAssembly.Memory;
  readonly modules: Readonly<Partial<Record<Arithmetic, WebAssembly.Module>>>;
  /** From 1; the device's own thread is 0. */
  readonly index: number;
}

export const stateOf = (job: number, shares: number): number => (job << (2 * FIELD_BITS)) | (shares << FIELD_BITS);

/** The next share of the job under way, and of how many; null where none is left. What the job is may be read once this returned. */
export function claim(control: Int32Array): { readonly part: number; readonly parts: number } | null {
  for (;;) {
    const state = Atomics.load(control, STATE);
    const part = state & MOST_SHARES;
    const parts = (state >> FIELD_BITS) & MOST_SHARES;
    if (part >= parts) return null;
    if (Atomics.compareExchange(control, STATE, state, state + 1) === state) return { part, parts };
  }
}

/** An instance for one thread, and its exports by number: the same numbers in every thread. */
export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory, index: number): { readonly exports: WebAssembly.Exports; readonly table: readonly Run[] } {
  const abort = (): never => {
    throw new Error("A WebAssembly kernel aborted.");
  };
  const { exports } = new WebAssembly.Instance(module, { env: { memory, abort, scratch: index * SCRATCH_BYTES } });
  return { exports, table: exportNames(module).map((name) => exports[name] as Run) };
}

/** Names of the functions, in the order of their numbers. */
export const exportNames = (module: WebAssembly.Module): string[] =>
  WebAssembly.Module.exports(module).flatMap(({ name, kind }) => (kind === "function" ? [name] : []));

/** The life of a helper: shares, then sleep, until it is told to stop. Blocks its thread. `ready` is called once it can work. */
export function serveThread({ control, job, memory, modules, index }: ThreadStart, ready: () => void): void {
  const tables = (["plain", "relaxed"] as const).map((build) => modules[build] && instantiate(modules[build], memory, index).table);
  ready();
  let idle = 0;
  while (Atomics.load(control, STOP) === 0) {
    const claimed = claim(control);
    if (claimed) {
      idle = 0;
      try {
        const args = job.slice(ARGUMENTS, ARGUMENTS + job[COUNT]!);
        tables[job[BUILD]!]![job[EXPORT]!]!(...args, claimed.part, claimed.parts);
      } catch {
        Atomics.store(control, TRAPPED, 1);
      }
      Atomics.add(control, DONE_BY + index, 1);
      Atomics.add(control, DONE, 1);
      Atomics.notify(control, DONE);
    } else if (++idle > SPINS) {
      idle = 0;
      const state = Atomics.load(control, STATE);
      Atomics.add(control, ASLEEP, 1);
      // A job that came in between has changed the state, and nobody sleeps through it.
      if ((state & MOST_SHARES) >= ((state >> FIELD_BITS) & MOST_SHARES) && Atomics.load(control, STOP) === 0) Atomics.wait(control, STATE, state);
      Atomics.sub(control, ASLEEP, 1);
    }
  }
}
