/** The bench: suites in order on one device, each row told as soon as it is there. Asks for nothing but a device, a clock and the reference text. */
import { NestlingError } from "../core/errors.ts";
import type { Device } from "../device/types.ts";
import type { Recording } from "../plan/recorder.ts";
import { tune } from "../plan/tuner.ts";
import type { BenchDevice, BenchRequest, BenchResult, BenchRow } from "../protocol/bench.ts";
import { casesOf, referencePrograms } from "./cases.ts";
import { kernelRows, type Case, type KernelBench } from "./kernel-rows.ts";
import type { ReferenceName } from "./reference.ts";
import { measurePeak } from "./peak.ts";
import { quantumOf } from "./statistics.ts";
import type { Clock } from "./stopwatch.ts";
import { expectedWholeMs, generationRow, REFERENCES, stepRow } from "./whole-rows.ts";

export { compareResults } from "./compare.ts";
export { REFERENCE_TEXT } from "./reference.ts";
export { parseResult, toCsv, toJson, toMarkdown } from "./writers.ts";

const SAMPLES = 9;
const QUICK_SAMPLES = 3;
/** A quick run's suites get no new row after this. */
const QUICK_MS = 30_000;

/** For both reference configs; a run of one takes 4 s at most. */
const TUNE_MS = 8000;

export interface BenchHooks {
  readonly now: () => number;
  readonly breathe: () => Promise<void>;
  readonly onRow: (row: BenchRow, done: number, total: number) => void;
  /** What is being timed, told before it is. */
  readonly onNext: (what: string, done: number, total: number) => void;
  readonly shouldStop: () => boolean;
}

/** What the engine knows of where it runs. */
export type BenchPlace = Omit<BenchDevice, "timer_quantum_ms" | "peak" | "timestamps">;

interface Job {
  readonly what: string;
  readonly run: (bench: KernelBench) => Promise<readonly BenchRow[]>;
  /** The row that stands in for it where there is no time. */
  readonly left: BenchRow;
  /** About how long it will take, by the rows that are there; 0 = not known, or short. */
  readonly expectedMs: (rows: readonly BenchRow[], samples: number) => number;
}

/** Of every list its first, then of every list its second: a quick run that ends early has something of each suite. */
export function inTurn<T>(lists: readonly (readonly T[])[]): T[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, i) => lists.flatMap((list) => list.slice(i, i + 1))).flat();
}

const referenceMicro = (device: Device, name: ReferenceName): Recording[] =>
  referencePrograms(name, device.limits.maxBindingBytes).recordings.filter((recording) => recording.name === "micro" || recording.name === "update");

function jobsOf(request: BenchRequest, device: Device, text: Uint8Array): Job[] {
  const bySuite = request.suites.map((suite): Job[] => {
    const whole = suite === "step" ? stepRow : suite === "generation" ? generationRow : null;
    const left = (name: string, shape: string): BenchRow => ({ suite, name, shape, variant: "", status: "skipped: the quick run's time was up" });
    if (whole) return REFERENCES.map((name) => ({ what: `${suite} ${name}`, run: async (bench) => [await whole(bench, name, text)], left: left(name, ""), expectedMs: (rows, samples) => expectedWholeMs(suite, name, rows, samples) }));
    return casesOf(suite, request, device.limits.maxBindingBytes).map((one: Case) => ({ what: `${one.name} ${one.shape}`, run: (bench) => kernelRows(bench, one), left: left(one.name, one.shape), expectedMs: () => 0 }));
  });
  return request.quick ? inTurn(bySuite) : bySuite.flat();
}

/**
 * @param text the reference text's bytes
 * @throws NestlingError CANCELLED, GPU_LOST, OUT_OF_MEMORY
 */
export async function runBench(device: Device, place: BenchPlace, request: BenchRequest, engine: string, text: Uint8Array, hooks: BenchHooks): Promise<BenchResult> {
  const from = hooks.now();
  const quick = request.quick === true;
  const clock: Clock = {
    now: hooks.now, breathe: hooks.breathe, quantumMs: quantumOf(hooks.now),
    check: () => {
      if (hooks.shouldStop()) throw new NestlingError("CANCELLED", "The bench was stopped; what was timed so far is shown.");
    },
  };
  const jobs = jobsOf(request, device, text);
  hooks.onNext("the device's own peaks", 0, jobs.length);
  const peak = await measurePeak(device, clock);
  // As before a run's step 0; a quick run has no time for it and shows what is taken unmeasured.
  const tuned = quick || device.kind === "cpu" ? null : await tune(device, REFERENCES.map((name) => referenceMicro(device, name)).flat(), { budgetMs: TUNE_MS, now: hooks.now, breathe: hooks.breathe, shouldStop: hooks.shouldStop });
  const bench: KernelBench = { device, clock, peak, samples: quick ? QUICK_SAMPLES : SAMPLES, rotating: request.buffers === "rotating", choices: tuned?.choices ?? {}, paces: new Map() };
  const rows: BenchRow[] = [];
  for (const [done, job] of jobs.entries()) {
    clock.check();
    hooks.onNext(job.what, done, jobs.length);
    const found = quick && hooks.now() - from + job.expectedMs(rows, bench.samples) > QUICK_MS ? [job.left] : await job.run(bench);
    for (const row of found) {
      rows.push(row);
      hooks.onRow(row, done + 1, jobs.length);
    }
  }
  return {
    format: "nestling-bench", version: 1, date: new Date().toISOString(), engine, quick, buffers: request.buffers ?? "hot",
    device: { ...place, timer_quantum_ms: clock.quantumMs, timestamps: device.submitTimed !== undefined, peak }, rows,
  };
}
