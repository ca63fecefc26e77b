/**
 * The helper threads of a CPU device and the memory that they share with it. Splits launches among them; how a launch is split is the
 * kernels' business (src/kernels/wasm/assembly/share.ts), and no bit depends on how many threads there are.
 */
import { NestlingError } from "../../core/errors.ts";
import { Arena } from "./arena.ts";
import type { Arithmetic } from "./arithmetic.ts";
import {
  ARGUMENTS, ASLEEP, BUILD, claim, CONTROL_WORDS, COUNT, DONE, DONE_BY, EXPORT, exportNames, instantiate, JOB_NUMBERS, MOST_SHARES, SCRATCH_BYTES, SPINS, STATE, stateOf, STOP, TRAPPED,
  type Run, type ThreadStart,
} from "./thread.ts";

const PAGE_BYTES = 65_536;
/** Tried in turn: some browsers refuse to reserve the most. */
const MOST_PAGES = [65_536, 32_768, 16_384];
/** More than the threads, so that one that is late leaves less to wait for. */
const SHARES_PER_THREAD = 2;
/** A helper that takes longer is left out. */
const START_MS = 5000;
/** A share takes milliseconds. Waited for in pieces, so that a machine that slept in between is not taken for a dead thread. */
const WAIT_MS = 1000;
const MOST_WAITS = 30;

/** A thread of the platform's, to be told how to start. */
export interface Helper {
  /** Resolves once it can work. Rejects where it cannot. */
  start(message: ThreadStart): Promise<void>;
  /** Called where it ends, or fails, without having been told to. */
  onLost(told: (why: string) => void): void;
  terminate(): void;
}

export interface PoolOptions {
  /** Builds for shared memory. */
  readonly modules: { readonly plain: WebAssembly.Module; readonly relaxed?: WebAssembly.Module };
  /** In all, this one among them. */
  readonly threads: number;
  readonly open: () => Helper;
  /** Told once where threads are lost after the start, and everything goes on with one. */
  readonly onLost: (why: string) => void;
  /** Tests: milliseconds. */
  readonly startMs?: number;
  readonly waitMs?: number;
  /** Tests: what the memory may grow to. */
  readonly mostPages?: number;
}

interface Build {
  readonly number: number;
  readonly exports: WebAssembly.Exports;
  readonly numbers: ReadonlyMap<string, number>;
}

export class ThreadPool {
  readonly arena: Arena;
  readonly builds: Readonly<Partial<Record<Arithmetic, Build>>>;
  readonly #control: Int32Array;
  readonly #job: Float64Array;
  readonly #helpers: readonly Helper[];
  readonly #options: PoolOptions;
  #threads: number;
  #jobs = 0;

  constructor(options: PoolOptions, memory: WebAssembly.Memory, maxPages: number, control: Int32Array, job: Float64Array, helpers: readonly Helper[]) {
    this.#options = options;
    this.#control = control;
    this.#job = job;
    this.#helpers = helpers;
    this.#threads = options.threads;
    this.arena = new Arena(memory, options.threads * SCRATCH_BYTES, maxPages);
    const { plain, relaxed } = options.modules;
    const build = (module: WebAssembly.Module, number: number): Build => ({
      number, exports: instantiate(module, memory, 0).exports, numbers: new Map(exportNames(module).map((name, i) => [name, i])),
    });
    this.builds = { plain: build(plain, 0), ...(relaxed ? { relaxed: build(relaxed, 1) } : {}) };
    for (const helper of helpers) helper.onLost((why) => this.#lose(why));
  }

  /** That work now, the device's own among them. */
  get threads(): number {
    return this.#threads;
  }

  /** Shares done so far by each thread, the device's own first. */
  get doneBy(): number[] {
    return Array.from({ length: this.#options.threads }, (_, index) => Atomics.load(this.#control, DONE_BY + index));
  }

  /**
   * A launch, split: returns when all of it is done.
   * @throws NestlingError WORKER_DEAD where a helper ended in the middle of a share, PLAN where one trapped; what this thread's own share threw
   */
  run(build: Build, name: string, args: readonly number[]): void {
    const run = build.exports[name] as Run;
    if (this.#threads === 1) return run(...args, 0, 1);
    const control = this.#control;
    const parts = Math.min(MOST_SHARES, SHARES_PER_THREAD * this.#threads);
    this.#job[BUILD] = build.number;
    this.#job[EXPORT] = build.numbers.get(name)!;
    this.#job[COUNT] = args.length;
    this.#job.set(args, ARGUMENTS);
    Atomics.store(control, DONE, 0);
    Atomics.store(control, STATE, stateOf(++this.#jobs, parts));
    if (Atomics.load(control, ASLEEP) > 0) Atomics.notify(control, STATE);
    let thrown: { readonly error: unknown } | null = null;
    let mine = 0;
    for (let share = claim(control); share; share = claim(control)) {
      try {
        run(...args, share.part, share.parts);
      } catch (error) {
        thrown = { error };
      }
      mine++;
      Atomics.add(control, DONE, 1);
    }
    Atomics.add(control, DONE_BY, mine);
    this.#await(parts, name);
    if (thrown) throw thrown.error;
    if (Atomics.exchange(control, TRAPPED, 0) !== 0) throw new NestlingError("PLAN", `${name}: a WebAssembly kernel trapped on a helper thread.`);
  }

  #await(parts: number, name: string): void {
    const control = this.#control;
    // Shares end at about the same time: sleeping for a moment would take longer than the moment.
    for (let spin = 0; spin < SPINS && Atomics.load(control, DONE) < parts; spin++);
    let waits = 0;
    for (let done = Atomics.load(control, DONE); done < parts; done = Atomics.load(control, DONE)) {
      if (Atomics.wait(control, DONE, done, this.#options.waitMs ?? WAIT_MS) === "timed-out" && ++waits >= MOST_WAITS) {
        this.#lose(`one did not finish its share of ${name}`);
        throw new NestlingError("WORKER_DEAD", `A helper thread of the CPU backend ended in the middle of ${name}, so this step is not whole. Go on from the last checkpoint; one thread trains from here.`, { kernel: name });
      }
    }
  }

  #lose(why: string): void {
    if (this.#threads === 1) return;
    this.destroy();
    this.#options.onLost(why);
  }

  /** Ends all helpers. Launches go on here, with this thread alone. */
  destroy(): void {
    this.#threads = 1;
    endHelpers(this.#control, this.#helpers);
  }
}

function endHelpers(control: Int32Array, helpers: readonly Helper[]): void {
  Atomics.store(control, STOP, 1);
  // A state that nobody waits with, so that whoever is about to sleep does not.
  Atomics.store(control, STATE, stateOf(Atomics.load(control, STATE) + 1, 0));
  Atomics.notify(control, STATE);
  for (const helper of helpers) helper.terminate();
}

function sharedMemory(initial: number, tried: readonly number[]): { memory: WebAssembly.Memory; maximum: number } {
  let last: unknown;
  for (const maximum of tried) {
    try {
      return { memory: new WebAssembly.Memory({ initial, maximum, shared: true }), maximum };
    } catch (error) {
      last = error;
    }
  }
  throw new Error(`the browser gives no shared memory (${last instanceof Error ? last.message : String(last)})`);
}

/** Starts the helpers. @throws where a memory cannot be had or a helper cannot start in time, with nothing left running */
export async function startThreadPool(options: PoolOptions): Promise<ThreadPool> {
  const { memory, maximum } = sharedMemory((options.threads * SCRATCH_BYTES) / PAGE_BYTES, options.mostPages === undefined ? MOST_PAGES : [options.mostPages]);
  const control = new Int32Array(new SharedArrayBuffer(4 * CONTROL_WORDS));
  const job = new Float64Array(new SharedArrayBuffer(8 * JOB_NUMBERS));
  const helpers: Helper[] = [];
  const limitMs = options.startMs ?? START_MS;
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`a helper thread did not start within ${limitMs / 1000} s`)), limitMs);
    });
    const started = Array.from({ length: options.threads - 1 }, (_, i) => {
      const helper = options.open();
      helpers.push(helper);
      return helper.start({ control, job, memory, modules: options.modules, index: i + 1 });
    });
    await Promise.race([Promise.all(started), late]);
    return new ThreadPool(options, memory, maximum, control, job, helpers);
  } catch (error) {
    endHelpers(control, helpers);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
