/** One contender in a page of its own, driven from outside through `globalThis.contender`. Counts what it asks of WebGPU. */
import { REFERENCE_BATCH, REFERENCE_CONFIGS, REFERENCE_LOSS, type ReferenceName } from "../../../src/bench/reference.ts";
import { KERNEL_CASES } from "./cases.ts";
import type { Contender, Operation, Training } from "./contender.ts";

export interface TimedStep {
  readonly ms: number;
  readonly loss: number;
  readonly launches: number;
  readonly submits: number;
}

/** What the driver calls, in the page. */
export interface ContenderPage {
  readonly about: string;
  /** Resolves with a step's tokens, and the loss that other trainers have. */
  startTraining(name: ReferenceName): Promise<{ tokens: number; loss: number }>;
  steps(count: number): Promise<TimedStep[]>;
  /** Sets up an operation; returns numbers from all over its result. */
  startKernel(index: number): Promise<number[]>;
  /** Milliseconds of one run. */
  time(count: number): Promise<number>;
  stop(): void;
}

const counts = { launches: 0, submits: 0 };

function countCalls<T extends object>(target: T, method: keyof T, count: keyof typeof counts): void {
  const original = target[method] as (...args: unknown[]) => unknown;
  Object.assign(target, {
    [method](this: T, ...args: unknown[]): unknown {
      counts[count]++;
      return original.apply(this, args);
    },
  });
}

/** Every so many numbers, a prime: all columns are met. */
const STRIDE = 997;

function driver(contender: Contender): ContenderPage {
  let training: Training | null = null;
  let kernel: Operation | null = null;
  return {
    about: contender.about,
    async startTraining(name) {
      training = await contender.train(name);
      return { tokens: REFERENCE_BATCH * REFERENCE_CONFIGS[name].block_size, loss: REFERENCE_LOSS[name] };
    },
    async steps(count) {
      const timed: TimedStep[] = [];
      for (let i = 0; i < count; i++) {
        const before = { ...counts };
        const from = performance.now();
        const loss = await training!.step();
        timed.push({ ms: performance.now() - from, loss, launches: counts.launches - before.launches, submits: counts.submits - before.submits });
      }
      return timed;
    },
    async startKernel(index) {
      kernel = await contender.operation(KERNEL_CASES[index]!);
      const output = await kernel.output();
      return [output.length, ...output.filter((_, i) => i % STRIDE === 0)];
    },
    async time(count) {
      const from = performance.now();
      await kernel!.repeat(count);
      return (performance.now() - from) / count;
    },
    stop() {
      training?.close();
      kernel?.close();
      training = null;
      kernel = null;
    },
  };
}

async function open(): Promise<Contender> {
  const query = new URLSearchParams(location.search);
  const backend = query.get("backend") === "wasm" ? "wasm" : "webgpu";
  if (typeof GPUComputePassEncoder !== "undefined") {
    countCalls(GPUComputePassEncoder.prototype, "dispatchWorkgroups", "launches");
    countCalls(GPUQueue.prototype, "submit", "submits");
  }
  switch (query.get("contender")) {
    case "jax-js":
      return (await import("./jax.js")).open(backend);
    case "tfjs":
      return (await import("./tfjs.js")).open(backend);
    default:
      return backend === "wasm" ? (await import("./ours-cpu.ts")).open() : (await import("./ours.ts")).open(backend, location.href);
  }
}

// Never left unanswered: the driver waits for the one or the other.
open().then(
  (contender) => Object.assign(globalThis, { contender: driver(contender) }),
  (error: unknown) => Object.assign(globalThis, { contenderError: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
);
