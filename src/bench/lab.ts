/**
 * One text for one variant of a kernel, tried at every shape that the suites and the reference steps have: compiled, run once with every
 * loop bounded, judged, run again as it is, judged again, and only then timed in turns with what is shipped. Trains nothing.
 */
import { NestlingError } from "../core/errors.ts";
import { dimsOf } from "../device/launch.ts";
import type { AnyKernel, Device, Heap, Program } from "../device/types.ts";
import { GUARD, withGuardedText, withText } from "../kernels/loop-guard.ts";
import { tune } from "../plan/tuner.ts";
import { elements, newTensor } from "../plan/tensor.ts";
import { chooseVariant, usableVariants, type VariantChoices } from "../plan/variants.ts";
import { workOf } from "../plan/work.ts";
import type { RecordedLaunch } from "../plan/recorder.ts";
import type { CompileError, KernelText, KernelTrial, KernelVerdict } from "../protocol/kernel-lab.ts";
import { casesOfKernel } from "./cases.ts";
import { inputsOf, type Numbers } from "./inputs.ts";
import { gate, judge, type Gate, type Verdict } from "./judge.ts";
import { freshen, heapOf, MOST_LAUNCH_MS, outputsFrom, programOf } from "./kernel-rows.ts";
import { apart, median } from "./statistics.ts";
import { forecast, timeInTurns, type Clock } from "./stopwatch.ts";

/** A launch that is expected to take longer is left out: systems reset a GPU that is held for two seconds. */
const MOST_FORECAST_MS = 1000;
/** For what a plan would take of one kernel. */
const TUNE_MS = 2000;
/** Below this share a difference is called none, whatever little noise was seen. */
const LEAST_DIFFERENCE = 0.03;

export interface LabBench {
  readonly device: Device;
  readonly clock: Clock;
  readonly samples: number;
  /** How long one launch may keep silent before the device is given up. */
  readonly limitMs: number;
}

export interface TrialHooks {
  readonly onNext: (what: string, done: number, total: number) => void;
  readonly onRow: (row: KernelTrial, done: number, total: number) => void;
}

type Case = ReturnType<typeof casesOfKernel>[number];

/** A text in its place: the shipped kernel, which of its variants it replaces, and what runs of it. */
interface Trial {
  readonly shipped: AnyKernel;
  readonly index: number;
  readonly edited: AnyKernel;
  readonly guarded: AnyKernel;
  /** Of loops, by number. */
  readonly lines: readonly number[];
}

const isEnd = (error: unknown): boolean => error instanceof NestlingError && ["GPU_LOST", "CANCELLED", "OUT_OF_MEMORY"].includes(error.code);
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).replace(/^\[\w+\] /, "");

/** @throws NestlingError GPU_LOST where nothing came within the limit */
export async function within<T>(limitMs: number, what: string, waiting: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new NestlingError("GPU_LOST", `${what} did not end within ${limitMs / 1000} s, so the lab let go of its device. The next try opens another; where the system has reset the GPU, reload the page. What was saved is kept.`)), limitMs);
  });
  waiting.catch(() => undefined);
  try {
    return await Promise.race([waiting, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The kernel of this name, as the recorded launches have it. @throws NestlingError COMMAND */
export function shippedKernel(name: string, cases: readonly Case[]): AnyKernel {
  const kernel = cases[0]?.recorded.kernel;
  if (!kernel) throw new NestlingError("COMMAND", `No kernel here is called ${name}.`, { name: "kernel" });
  return kernel;
}

/** @throws NestlingError COMMAND where the kernel has no such variant */
export function variantIndex(kernel: AnyKernel, name: string): number {
  const index = kernel.variants.findIndex((variant) => variant.name === name);
  if (index < 0) throw new NestlingError("COMMAND", `${kernel.name} has no variant ${name}; it has ${kernel.variants.map((variant) => variant.name).join(", ")}.`, { name: "variant" });
  return index;
}

const withKernel = (recorded: RecordedLaunch, kernel: AnyKernel): RecordedLaunch => ({ ...recorded, kernel });
const guardedLaunch = (recorded: RecordedLaunch, kernel: AnyKernel): RecordedLaunch => ({ ...recorded, kernel, tensors: [...recorded.tensors, newTensor(GUARD, [1], "outputs", "u32")] });

/** What does not compile, by its lines; null for any other failure. */
function compileErrors(error: unknown): readonly CompileError[] | null {
  if (!(error instanceof NestlingError) || error.code !== "SHADER_COMPILE") return null;
  const found = error.details["messages"] as readonly CompileError[];
  return found.length > 0 ? found : [{ line: 1, column: 1, message: messageOf(error).slice(0, 600) }];
}

/** The guard shares one count between loops where the text compiles so, and counts each loop for itself where it does not. */
async function guardedTrial(device: Device, shipped: AnyKernel, index: number, source: string, at: RecordedLaunch): Promise<Trial> {
  const edited = withText(shipped, index, source);
  let failure: unknown;
  for (const alone of [false, true]) {
    const { kernel: guarded, lines } = withGuardedText(shipped, index, source, alone);
    const launch = guardedLaunch(at, guarded);
    const heap = await heapOf(device, launch, new Map());
    try {
      (await programOf(device, launch, index, heap)).destroy();
      return { shipped, index, edited, guarded, lines };
    } catch (error) {
      if (isEnd(error)) throw error;
      failure = error;
    } finally {
      heap.destroy();
    }
  }
  throw new NestlingError("SHADER_COMPILE", `With its loops bounded for the first try this text does not compile, so it was not run: ${messageOf(failure)}`, { messages: [] });
}

/** Runs one case; the program is compiled, its outputs judged. @throws NestlingError GPU_LOST, SHADER_COMPILE, ... */
async function judged(bench: LabBench, recorded: RecordedLaunch, program: Program, heap: Heap, inputs: ReadonlyMap<string, Numbers>, verdicts: readonly Verdict[], half: boolean): Promise<Gate & { ms: number }> {
  const { device, clock, limitMs } = bench;
  freshen(device, recorded, heap, inputs);
  await device.finished();
  const from = clock.now();
  device.submit([{ kind: "run", program }]);
  await within(limitMs, `${recorded.kernel.name} at one shape`, device.finished());
  const ms = clock.now() - from;
  return { ...gate(verdicts, await outputsFrom(device, recorded, heap), half), ms };
}

async function tryCase(bench: LabBench, trial: Trial, { shape, launches, recorded }: Case, time: VariantChoices | null): Promise<{ row: KernelTrial; ms: number }> {
  const { device, clock } = bench;
  const { shipped, index, edited, guarded, lines } = trial;
  const base = { shape, ...(launches === undefined ? {} : { launches }) };
  const dims = dimsOf({ ...recorded, variant: 0, views: [] });
  const inputs = inputsOf(recorded, dims, true);
  const sizes = new Map(Object.keys(shipped.bindings).map((name, i) => [name, elements(recorded.tensors[i]!.shape)]));
  const verdicts = judge(shipped, dims, inputs, sizes);
  await clock.breathe();
  const half = shipped.variants[index]!.requires?.includes("shader-f16") ?? false;
  const launch = guardedLaunch(recorded, guarded);
  const heap = await heapOf(device, launch, inputs);
  const programs: Program[] = [];
  const prepare = async (kernel: AnyKernel, variant: number, of = withKernel(recorded, kernel)): Promise<Program> => {
    const program = await programOf(device, of, variant, heap);
    programs.push(program);
    return program;
  };
  try {
    const ended = { buffer: heap.buffers.at(-1)!, offsetBytes: 0, sizeBytes: 4 };
    device.submit([{ kind: "fill", view: ended, value: 0 }]);
    const first = await judged(bench, recorded, await prepare(guarded, index, launch), heap, inputs, verdicts, half);
    const [loop] = new Uint32Array(await device.read(ended));
    if (loop! > 0) return { row: { ...base, status: "ended", note: `the turns of its loops were up at the loop in line ${lines[loop! - 1]}: it was ended there, and the text was not run without that bound` }, ms: first.ms };
    if (first.wrong !== "") return { row: { ...base, status: "wrong", note: first.wrong }, ms: first.ms };
    const program = await prepare(edited, index);
    const plain = await judged(bench, recorded, program, heap, inputs, verdicts, half);
    const ms = Math.min(first.ms, plain.ms);
    if (plain.wrong !== "") return { row: { ...base, status: "wrong", note: `${plain.wrong}; with its loops bounded it was right` }, ms };
    const right: KernelTrial = { ...base, status: "right", note: "", error_vs_bound: plain.worst };
    if (!time) return { row: right, ms };
    // Timed on what trains: one document to a sequence.
    freshen(device, recorded, heap, inputsOf(recorded, dims));
    const usual = chooseVariant(device, recorded, time);
    const rival = await prepare(shipped, usual);
    const subjects = [program, rival, rival].map((one) => ({ programs: [one] }));
    const forecasts = [await forecast(device, subjects[0]!, clock), await forecast(device, subjects[1]!, clock)];
    if (Math.max(...forecasts) > MOST_LAUNCH_MS) return { row: { ...right, note: `not timed: one launch takes ${Math.max(...forecasts).toFixed(0)} ms` }, ms };
    const [mine, theirs, again] = (await timeInTurns(device, subjects, [...forecasts, forecasts[1]!], bench.samples, clock)).map(({ ms }) => median(ms));
    const noise = apart(theirs!, again!);
    const ratio = theirs! / mine!;
    const most = 1 + Math.max(LEAST_DIFFERENCE, noise);
    return {
      row: { ...right, edited_ms: mine!, shipped_ms: theirs!, shipped_variant: shipped.variants[usual]!.name, ratio, noise, verdict: ratio > most ? "faster" : ratio < 1 / most ? "slower" : "same" },
      ms,
    };
  } finally {
    for (const program of programs) program.destroy();
    heap.destroy();
  }
}

/**
 * Tries a text at every shape of its kernel, the least work first; ends at the first loop that had to be ended.
 * @param timed also against what a plan takes
 * @throws NestlingError COMMAND for a kernel or variant that is not there, GPU_LOST, OUT_OF_MEMORY, CANCELLED
 */
export async function tryKernel(bench: LabBench, { kernel: name, variant, source }: KernelText, timed: boolean, hooks: TrialHooks): Promise<KernelVerdict> {
  const { device, clock } = bench;
  const cases = casesOfKernel(name, device.limits.maxBindingBytes);
  const shipped = shippedKernel(name, cases);
  const index = variantIndex(shipped, variant);
  const fits = ({ recorded }: Case): boolean => usableVariants(device, recorded).some((one) => one.index === index);
  const done = (rows: readonly KernelTrial[], errors: readonly CompileError[] = []): KernelVerdict => {
    const tried = rows.filter(({ status }) => status !== "left out");
    return { kernel: name, variant, errors, rows, right: tried.length > 0 && tried.every(({ status }) => status === "right") };
  };
  const first = cases.find(fits);
  if (!first) throw new NestlingError("COMMAND", `This device cannot run ${name}/${variant}: no shape of the suites fits it here. Choose another variant.`, { name: "variant" });
  hooks.onNext("compiling", 0, cases.length);
  let trial: Trial;
  try {
    await compile(device, first.recorded, shipped, index, source);
    trial = await guardedTrial(device, shipped, index, source, first.recorded);
  } catch (error) {
    const errors = compileErrors(error);
    if (!errors) throw error;
    return done([], errors);
  }
  const choices = timed ? (await tune(device, [{ name: "lab", launches: cases.map(({ recorded }) => recorded) }], { budgetMs: TUNE_MS, now: clock.now, breathe: clock.breathe })).choices : null;
  const rows: KernelTrial[] = [];
  let msOfWork = 0;
  for (const [i, one] of cases.entries()) {
    clock.check();
    hooks.onNext(one.shape, i, cases.length);
    const expected = msOfWork * workOf(one.recorded);
    const put = (row: KernelTrial): void => {
      rows.push(row);
      hooks.onRow(row, i + 1, cases.length);
    };
    const out = (note: string): void => put({ shape: one.shape, ...(one.launches === undefined ? {} : { launches: one.launches }), status: "left out", note });
    if (rows.some(({ status }) => status === "ended")) out("not tried after a loop had to be ended");
    else if (!fits(one)) out("this variant does not take this shape");
    else if (expected > MOST_FORECAST_MS) out(`one launch would hold the device for about ${(expected / 1000).toFixed(1)} s`);
    else {
      try {
        const { row, ms } = await tryCase(bench, trial, one, choices);
        msOfWork = ms / Math.max(1, workOf(one.recorded));
        put(row);
      } catch (error) {
        if (isEnd(error)) throw error;
        put({ shape: one.shape, status: "failed", note: messageOf(error).slice(0, 600) });
      }
    }
    await clock.breathe();
  }
  return done(rows);
}

/** As the person wrote it, before anything of it runs. @throws NestlingError SHADER_COMPILE */
async function compile(device: Device, recorded: RecordedLaunch, shipped: AnyKernel, index: number, source: string): Promise<void> {
  const launch = withKernel(recorded, withText(shipped, index, source));
  const heap = await heapOf(device, launch, new Map());
  try {
    (await programOf(device, launch, index, heap)).destroy();
  } finally {
    heap.destroy();
  }
}
