/** One launch in all its variants: checked against the judge, then timed in turns, the one that trains a second time as the noise. */
import { HALVES } from "../core/half.ts";
import { dimsOf, elementTypeOf, isHalf } from "../device/launch.ts";
import type { BindingSpec, Device, Heap, Program, View } from "../device/types.ts";
import { roomToUnpack } from "../plan/memory.ts";
import { elements, sizeOf } from "../plan/tensor.ts";
import { chooseVariant, usableVariants, type VariantChoices } from "../plan/variants.ts";
import type { RecordedLaunch } from "../plan/recorder.ts";
import type { BenchRow, Suite } from "../protocol/bench.ts";
import { inputsOf, outputsOf, type Numbers } from "./inputs.ts";
import { gate, judge, type Verdict } from "./judge.ts";
import { speedOf, type Peak } from "./roofline.ts";
import { apart, median, spreadOf } from "./statistics.ts";
import { forecast, timeInTurns, type Clock, type Subject, type Timed } from "./stopwatch.ts";

/** Sets of buffers of a rotating run: more than caches hold of most launches. */
const SETS = 4;
/** A variant that takes longer for one launch is not timed: it is no candidate, and a desktop would stand still. */
export const MOST_LAUNCH_MS = 400;

export interface KernelBench {
  readonly device: Device;
  readonly clock: Clock;
  readonly peak: Peak | null;
  readonly samples: number;
  readonly rotating: boolean;
  /** What the tuner chose on this device; empty where it was not asked. */
  readonly choices: VariantChoices;
  /** Milliseconds a unit of work (an operation, or a byte where there are none) of each "kernel/variant" that ran already. */
  readonly paces: Map<string, number>;
}

/** A launch to be timed, under the name and shape that its rows carry. */
export interface Case {
  readonly suite: Suite;
  readonly name: string;
  readonly shape: string;
  readonly recorded: RecordedLaunch;
  /** How often one training step launches it so; absent where none does. */
  readonly launches?: number;
}

interface Ready extends Subject {
  readonly variant: string;
  readonly row: Omit<BenchRow, "status">;
  readonly forecastMs: number;
}

/**
 * How long a launch would take, by what the same variant took at another size; undefined where it has not run yet. Larger sizes only get
 * nearer to a device's roofs, so this says too much rather than too little.
 */
export function expectedMs(paces: ReadonlyMap<string, number>, name: string, { flops, bytes }: { readonly flops: number; readonly bytes: number }): number | undefined {
  const pace = paces.get(name);
  return pace === undefined ? undefined : pace * (flops || bytes);
}

/** One launch's buffers, filled with what it reads. */
export async function heapOf(device: Device, recorded: RecordedLaunch, inputs: ReadonlyMap<string, Numbers>): Promise<Heap> {
  const { tensors, kernel } = recorded;
  const room = device.limits.unpacksHalves ? roomToUnpack([recorded]) : 0;
  const heap = await device.allocate([
    ...tensors.map((tensor, i) => ({ label: `bench ${i}`, sizeBytes: wholeWords(sizeOf(tensor)) })), ...(room > 0 ? [{ label: "halves unpacked", sizeBytes: room, unpacked: true }] : []),
  ]);
  Object.entries(kernel.bindings).forEach(([name, spec], i) => {
    const data = inputs.get(name);
    if (data) device.write(viewOf(heap, tensors, i), storedAs(spec, data));
  });
  return heap;
}

const wholeWords = (bytes: number): number => 4 * Math.ceil(bytes / 4);

const viewOf = (heap: Heap, tensors: RecordedLaunch["tensors"], i: number): View => ({ buffer: heap.buffers[i]!, offsetBytes: 0, sizeBytes: wholeWords(sizeOf(tensors[i]!)) });

/** Numbers as their binding has them: halves packed, two in a word. */
function storedAs(spec: BindingSpec, data: Numbers): Numbers {
  const type = elementTypeOf(spec);
  if (!isHalf(type) || data instanceof Uint32Array) return data;
  const packed = new Uint16Array(2 * Math.ceil(data.length / 2));
  packed.set(HALVES[type].encode(data));
  return new Uint32Array(packed.buffer);
}

export const programOf = (device: Device, { label, kernel, dims, tensors }: RecordedLaunch, variant: number, heap: Heap): Promise<Program> =>
  device.prepare("bench", [{ label, kernel, dims, variant, views: tensors.map((_, i) => viewOf(heap, tensors, i)) }]);

/** A quiet NaN: what an output holds that nothing was written to. */
const NOTHING = 0x7fc00000;

/** Inputs as they were before any launch, since some add to what they find, and outputs without the results of another variant. */
export function freshen(device: Device, { kernel, tensors }: RecordedLaunch, heap: Heap, inputs: ReadonlyMap<string, Numbers>): void {
  Object.entries(kernel.bindings).forEach(([name, spec], i) => {
    const view = viewOf(heap, tensors, i);
    const data = inputs.get(name);
    if (data) device.write(view, storedAs(spec, data));
    else device.submit([{ kind: "fill", view, value: NOTHING }]);
  });
}

export async function outputsFrom(device: Device, { kernel, tensors }: RecordedLaunch, heap: Heap): Promise<Map<string, Numbers>> {
  const outputs = new Map<string, Numbers>();
  const names = Object.keys(kernel.bindings);
  for (const name of outputsOf(kernel)) {
    const i = names.indexOf(name);
    const bytes = await device.read(viewOf(heap, tensors, i));
    const type = elementTypeOf(kernel.bindings[name]!);
    outputs.set(name, type === "u32" ? new Uint32Array(bytes) : isHalf(type) ? HALVES[type].decode(new Uint16Array(bytes)) : new Float32Array(bytes));
  }
  return outputs;
}

/** What a variant is called: on the CPU each kernel is one function, whatever its shaders. */
function variantsOf(device: Device, recorded: RecordedLaunch): { name: string; index: number }[] {
  if (device.kind === "cpu") return [{ name: recorded.kernel.wasm && device.features.has("wasm-simd") ? "wasm" : "textbook", index: 0 }];
  return usableVariants(device, recorded).map(({ variant, index }) => ({ name: variant.name, index }));
}

/** @throws NestlingError GPU_LOST, OUT_OF_MEMORY, CANCELLED */
export async function kernelRows(bench: KernelBench, one: Case): Promise<BenchRow[]> {
  const { device, clock, peak } = bench;
  const { recorded } = one;
  const dims = dimsOf({ ...recorded, variant: 0, views: [] });
  const inputs = inputsOf(recorded, dims);
  const sizes = new Map(Object.keys(recorded.kernel.bindings).map((name, i) => [name, elements(recorded.tensors[i]!.shape)]));
  const verdicts = judge(recorded.kernel, dims, inputs, sizes);
  await clock.breathe();
  const chosen = device.kind === "cpu" ? 0 : chooseVariant(device, recorded, bench.choices);
  const rows: BenchRow[] = [];
  const ready: Ready[] = [];
  const heaps: Heap[] = [];
  try {
    for (let i = 0; i < (bench.rotating ? SETS : 1); i++) heaps.push(await heapOf(device, recorded, inputs));
    for (const { name, index } of variantsOf(device, recorded)) {
      const base = { suite: one.suite, name: one.name, shape: one.shape, variant: name, ...(one.launches === undefined ? {} : { launches: one.launches }), ...(index === chosen ? { chosen: true } : {}) };
      const found = await readyOf(bench, recorded, index, heaps, inputs, verdicts, base);
      if ("status" in found) rows.push(found);
      else ready.push(found);
      clock.check();
    }
    const twin = ready.find(({ row }) => row.chosen);
    const times = await timeInTurns(device, twin ? [...ready, twin] : ready, [...ready, ...(twin ? [twin] : [])].map(({ forecastMs }) => forecastMs), bench.samples, clock);
    const work = recorded.kernel.cost(dims);
    const again = twin ? median(times.at(-1)!.ms) : undefined;
    const noise = twin && again !== undefined ? apart(median(times[ready.indexOf(twin)]!.ms), again) : undefined;
    const timed = (row: Omit<BenchRow, "status">, { ms, gpuMs }: Timed, status: string): BenchRow => ({ ...row, ...spreadOf(ms), ...(gpuMs.length > 0 ? { gpu_ms: median(gpuMs) } : {}), ...speedOf(work, median(ms), peak), ...(noise === undefined ? {} : { noise }), status });
    ready.forEach(({ row }, i) => rows.push(timed(row, times[i]!, "ok")));
    if (twin) rows.push(timed({ ...twin.row, chosen: false }, times.at(-1)!, "A/A"));
    return rows;
  } finally {
    for (const { programs } of ready) for (const program of programs) program.destroy();
    for (const heap of heaps) heap.destroy();
  }
}

/** A variant compiled, run once and found right; or the row that says why it is not timed. */
async function readyOf(
  { device, clock, paces }: KernelBench, recorded: RecordedLaunch, index: number, heaps: readonly Heap[], inputs: ReadonlyMap<string, Numbers>, verdicts: readonly Verdict[], base: Omit<BenchRow, "status">,
): Promise<Ready | BenchRow> {
  const programs: Program[] = [];
  const refuse = (status: string, more: Partial<BenchRow> = {}): BenchRow => {
    for (const program of programs) program.destroy();
    return { ...base, ...more, status };
  };
  const work = recorded.kernel.cost(dimsOf({ ...recorded, variant: 0, views: [] }));
  const name = `${recorded.kernel.name}/${base.variant}`;
  const expected = expectedMs(paces, name, work);
  // Not even once: a launch of seconds cannot be cut, and everything on the screen waits for it.
  if (expected !== undefined && expected > MOST_LAUNCH_MS && base.chosen !== true) return refuse(`skipped: one launch would take about ${expected.toFixed(0)} ms`);
  try {
    const from = clock.now();
    for (const heap of heaps) programs.push(await programOf(device, recorded, index, heap));
    const compile_ms = clock.now() - from;
    freshen(device, recorded, heaps[0]!, inputs);
    device.submit([{ kind: "run", program: programs[0]! }]);
    const half = recorded.kernel.variants[index]?.requires?.includes("shader-f16") ?? false;
    const { worst, wrong } = gate(verdicts, await outputsFrom(device, recorded, heaps[0]!), half);
    const error = device.takeError();
    if (error) return refuse(`failed: ${error.message}`, { compile_ms });
    if (wrong !== "") return refuse(`wrong: ${wrong}`, { compile_ms });
    const forecastMs = await forecast(device, { programs }, clock);
    paces.set(name, forecastMs / (work.flops || work.bytes));
    const row = { ...base, error_vs_bound: worst, ...(device.kind === "cpu" ? {} : { compile_ms }) };
    if (forecastMs > MOST_LAUNCH_MS && base.chosen !== true) return refuse(`skipped: one launch takes ${forecastMs.toFixed(0)} ms`, row);
    return { programs, variant: base.variant, row, forecastMs };
  } catch (error) {
    if (error instanceof Error && /^\[(GPU_LOST|CANCELLED|OUT_OF_MEMORY)\]/.test(error.message)) throw error;
    return refuse(`failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}
