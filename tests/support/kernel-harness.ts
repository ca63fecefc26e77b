/**
 * Checks a kernel against its judge: the contract's formula over Float64Array, fed the same f32-rounded inputs. Every variant
 * runs with poisoned outputs and canaries on both sides of every buffer. The judge itself is proved elsewhere (tests/judge).
 */
import { expect } from "vitest";
import { HALVES, type HalfType } from "../../src/core/half.ts";
import { alignUp, unpackedBytes, elementTypeOf, isHalf } from "../../src/device/launch.ts";
import type { AnyKernel, Bindings, Device, Dims, DimValues, Kernel, View } from "../../src/device/types.ts";
import { createWebGpuDevice } from "../../src/device/webgpu/webgpu-device.ts";
import { boundAt, halfUlpOf, type Bound, type JudgeArray, type JudgeRun } from "./bounds.ts";
import { gpuDevice, type GpuRequest } from "./gpu.ts";
import { sampleIndices } from "./values.ts";

export * from "./bounds.ts";
export * from "./values.ts";

/** A quiet NaN: what unwritten outputs hold. Tested by bits, since comparisons launder NaN. */
export const POISON = 0x7fc00000;
/** A NaN of another payload, so that a read past an edge shows as NaN and a write past it as a changed word. */
const CANARY = 0x7fc0ca4e;
const CANARY_BYTES = 256;

export interface KernelCase<B extends Bindings = Bindings, D extends Dims = Dims> {
  readonly dims: DimValues<D>;
  /** Contents of every "read" binding, and of those "readwrite" ones that hold something; those stored as halves are rounded first. */
  readonly inputs: { readonly [K in keyof B]?: Float32Array | Uint32Array };
  /** Elements of every "write" binding and every "readwrite" one that starts poisoned. */
  readonly outputs: { readonly [K in keyof B]?: number };
  /** For each output that is compared (all must be named), how far it may lie from the judge. */
  readonly bound: (run: JudgeRun) => { readonly [K in keyof B]?: Bound };
  /** Indices or names; default: all that fit the dims and the device's features. On the CPU device there is one. */
  readonly variants?: "all" | readonly (number | string)[];
  /** At most this many elements of an output are compared with the judge (all are tested for poison). */
  readonly samples?: number;
  /** Default: the shared GPU device. */
  readonly device?: Device;
}

export interface Report {
  readonly kernel: string;
  readonly variant: string;
  /** Worst error / bound over the compared elements; 1 is the limit. */
  readonly worst: number;
  readonly at: {
    readonly output: string;
    readonly index: number;
    readonly got: number;
    readonly want: number;
    readonly bound: number;
  } | null;
  readonly compared: number;
}

const shared = new Map<string, Promise<Device>>();

/** The device the kernel tests share; pipelines stay cached on it. */
export function testDevice(request: GpuRequest = {}): Promise<Device> {
  const key = JSON.stringify(request);
  let device = shared.get(key);
  if (!device) shared.set(key, (device = gpuDevice(request).then((gpu) => createWebGpuDevice(gpu, { poison: POISON }))));
  return device;
}

/** Runs the case on each variant and fails, by name and index, at the first output beyond its bound. */
export async function checkKernel<const B extends Bindings, const D extends Dims>(
  kernel: Kernel<B, D>,
  testCase: KernelCase<B, D>,
): Promise<Report[]> {
  const plain = kernel as unknown as AnyKernel;
  const device = testCase.device ?? (await testDevice());
  const given = readCase(plain, testCase as unknown as KernelCase);
  const run = judge(plain, given, testCase.dims as DimValues);
  const bounds = Object.fromEntries(Object.entries(testCase.bound(run) as Record<string, Bound | undefined>).map(([name, bound]) => [name, remembered(bound)]));
  const reports: Report[] = [];
  for (const variant of chooseVariants(plain, testCase as unknown as KernelCase, device)) {
    const name = device.kind === "cpu" ? "cpu" : plain.variants[variant]!.name;
    const label = `${plain.name} [${name}] ${JSON.stringify(testCase.dims)}`;
    const after = await runOn(device, plain, variant, given, testCase.dims as DimValues, label);
    const report = compare(plain, name, label, run, bounds, after, given, testCase.samples ?? 4096);
    figures.push(report);
    reports.push(report);
  }
  expect(reports.length, `${plain.name}: no variant fits ${JSON.stringify(testCase.dims)}`).toBeGreaterThan(0);
  return reports;
}

/** A bound is a sum as long as the output's own, and the same for each variant: taken once for each element. */
function remembered(bound: Bound | undefined): Bound | undefined {
  if (typeof bound !== "function") return bound;
  const known = new Map<number, number>();
  return (index) => {
    let allowed = known.get(index);
    if (allowed === undefined) known.set(index, (allowed = bound(index)));
    return allowed;
  };
}

/** The bytes of every output, for tests that compare bits. */
export async function runKernel<const B extends Bindings, const D extends Dims>(
  kernel: Kernel<B, D>,
  testCase: Omit<KernelCase<B, D>, "bound" | "variants">,
  variant = 0,
): Promise<Record<string, Uint32Array>> {
  const plain = kernel as unknown as AnyKernel;
  const device = testCase.device ?? (await testDevice());
  const given = readCase(plain, testCase as unknown as KernelCase);
  return runOn(device, plain, variant, given, testCase.dims as DimValues, plain.name);
}

/** Indices of the variants that take these dims on a device with no features: for tests that run each by itself. */
export function fittingVariants<const B extends Bindings, const D extends Dims>(kernel: Kernel<B, D>, dims: DimValues<D>): number[] {
  return kernel.variants.flatMap((variant, i) => ((variant.fits?.(dims) ?? true) && (variant.requires ?? []).length === 0 ? [i] : []));
}

const figures: Report[] = [];

/** Prints one line for each kernel and variant: the worst share of its bound that any case used. Call in `afterAll`. */
export function printFigures(): void {
  const worst = new Map<string, { report: Report; cases: number; compared: number }>();
  for (const report of figures) {
    const key = `${report.kernel} [${report.variant}]`;
    const known = worst.get(key);
    worst.set(key, {
      report: known && known.report.worst >= report.worst ? known.report : report,
      cases: (known?.cases ?? 0) + 1,
      compared: (known?.compared ?? 0) + report.compared,
    });
  }
  for (const [key, { report, cases, compared }] of worst) {
    console.log(
      `${key}: worst ${report.worst.toFixed(3)} of its bound over ${cases} cases, ${compared} values (${report.at?.output ?? "-"})`,
    );
  }
}

interface Given {
  /** u32 words of every binding before the run, poison where nothing was given. */
  readonly words: Readonly<Record<string, Uint32Array>>;
  /** Elements of each: of halves two share a word, and the last may stand alone. */
  readonly lengths: Readonly<Record<string, number>>;
  readonly written: readonly string[];
}

const isU32 = (kernel: AnyKernel, name: string): boolean => kernel.bindings[name]!.endsWith(":u32");
const halfOf = (kernel: AnyKernel, name: string): HalfType | null => {
  const type = elementTypeOf(kernel.bindings[name]!);
  return isHalf(type) ? type : null;
};
const isWritten = (kernel: AnyKernel, name: string): boolean => !/^read(:|$)/.test(kernel.bindings[name]!);

function readCase(kernel: AnyKernel, { inputs, outputs, dims }: KernelCase): Given {
  const words: Record<string, Uint32Array> = {};
  const lengths: Record<string, number> = {};
  for (const name of [...Object.keys(inputs), ...Object.keys(outputs)]) {
    if (!(name in kernel.bindings)) throw new Error(`${kernel.name} has no binding "${name}"`);
  }
  for (const name of Object.keys(kernel.dims)) {
    if (!(name in dims)) throw new Error(`${kernel.name}: dim "${name}" is missing`);
  }
  for (const name of Object.keys(kernel.bindings)) {
    const data = inputs[name];
    const length = outputs[name];
    if (data && data instanceof Uint32Array !== isU32(kernel, name))
      throw new Error(`${kernel.name}: "${name}" has the wrong element type`);
    lengths[name] = data?.length ?? length ?? 0;
    const packed = halfOf(kernel, name);
    if (data instanceof Float32Array && packed) words[name] = packedWords(packed, data);
    else if (data) words[name] = new Uint32Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength));
    else if (length !== undefined && isWritten(kernel, name)) words[name] = new Uint32Array(packed ? Math.ceil(length / 2) : length).fill(POISON);
    else throw new Error(`${kernel.name}: "${name}" has neither contents nor a length`);
  }
  return { words, lengths, written: Object.keys(kernel.bindings).filter((name) => isWritten(kernel, name)) };
}

/** Rounded, two in a word; the half that is left over is NaN. */
function packedWords(type: HalfType, data: Float32Array): Uint32Array {
  const halves = new Uint16Array(2 * Math.ceil(data.length / 2)).fill(POISON >>> 16);
  halves.set(HALVES[type].encode(data));
  return new Uint32Array(halves.buffer);
}

/** What the words of a binding say. */
function floatsOf(kernel: AnyKernel, name: string, words: Uint32Array, length: number): Float32Array {
  const packed = halfOf(kernel, name);
  return packed ? HALVES[packed].decode(new Uint16Array(words.buffer, words.byteOffset, length)) : new Float32Array(words.buffer, words.byteOffset, words.length);
}

function judge(kernel: AnyKernel, given: Given, dims: DimValues): JudgeRun {
  const inputs: Record<string, JudgeArray> = {};
  const buffers: Record<string, JudgeArray> = {};
  for (const [name, words] of Object.entries(given.words)) {
    inputs[name] = isU32(kernel, name) ? words : Float64Array.from(floatsOf(kernel, name, words, given.lengths[name]!));
    buffers[name] = inputs[name].slice();
  }
  kernel.meaning(buffers, dims);
  return { dims, inputs, outputs: Object.fromEntries(given.written.map((name) => [name, buffers[name]!])) };
}

function chooseVariants(kernel: AnyKernel, { variants = "all", dims }: KernelCase, device: Device): number[] {
  if (device.kind === "cpu") return [0];
  const all = kernel.variants.map((_, i) => i);
  if (variants !== "all")
    return variants.map((v) => (typeof v === "number" ? v : (all.find((i) => kernel.variants[i]!.name === v) ?? missing(kernel, v))));
  return all.filter((i) => {
    const variant = kernel.variants[i]!;
    return (variant.fits?.(dims) ?? true) && (variant.requires ?? []).every((feature) => device.features.has(feature));
  });
}

function missing(kernel: AnyKernel, name: string): never {
  throw new Error(`${kernel.name} has no variant "${name}"`);
}

/** One launch; returns the words of every output, after checking that all canaries and read-only contents are as they were. */
async function runOn(
  device: Device,
  kernel: AnyKernel,
  variant: number,
  given: Given,
  dims: DimValues,
  label: string,
): Promise<Record<string, Uint32Array>> {
  const names = Object.keys(kernel.bindings);
  const room = device.limits.unpacksHalves ? unpackedBytes(kernel, names.map((name) => given.words[name]!.byteLength)) : 0;
  const heap = await device.allocate([
    ...names.map((name) => ({ label: name, sizeBytes: given.words[name]!.byteLength + 2 * CANARY_BYTES })),
    ...(room > 0 ? [{ label: "halves unpacked", sizeBytes: alignUp(room), unpacked: true }] : []),
  ]);
  try {
    const views: View[] = names.map((name, i) => ({
      buffer: heap.buffers[i]!,
      offsetBytes: CANARY_BYTES,
      sizeBytes: given.words[name]!.byteLength,
    }));
    const edge = CANARY_BYTES / 4;
    names.forEach((name, i) => {
      const words = given.words[name]!;
      const whole = new Uint32Array(words.length + 2 * edge).fill(CANARY);
      whole.set(words, edge);
      device.write({ buffer: heap.buffers[i]!, offsetBytes: 0, sizeBytes: whole.byteLength }, whole);
    });
    const program = await device.prepare(label, [
      { label, kernel, variant, views, dims: Object.keys(kernel.dims).map((name) => dims[name]!) },
    ]);
    device.submit([{ kind: "run", program }]);
    await device.finished();
    const contents = await Promise.all(
      views.map(({ buffer, sizeBytes }) => device.read({ buffer, offsetBytes: 0, sizeBytes: sizeBytes + 2 * CANARY_BYTES })),
    );
    const after: Record<string, Uint32Array> = {};
    for (const [i, name] of names.entries()) {
      const length = given.words[name]!.length;
      const whole = new Uint32Array(contents[i]!);
      for (let k = 0; k < edge; k++) {
        if (whole[k] !== CANARY) expect.fail(`${label}: wrote ${edge - k} words before "${name}"`);
        if (whole[edge + length + k] !== CANARY) expect.fail(`${label}: wrote ${k + 1} words past the end of "${name}"`);
      }
      const words = whole.slice(edge, edge + length);
      if (given.written.includes(name)) after[name] = words;
      else if (words.some((word, k) => word !== given.words[name]![k])) expect.fail(`${label}: changed "${name}", which it may only read`);
    }
    return after;
  } finally {
    heap.destroy();
  }
}

function compare(
  kernel: AnyKernel,
  variant: string,
  label: string,
  run: JudgeRun,
  bounds: Record<string, Bound | undefined>,
  after: Record<string, Uint32Array>,
  given: Given,
  samples: number,
): Report {
  let worst = 0;
  let at: Report["at"] = null;
  let compared = 0;
  for (const [output, words] of Object.entries(after)) {
    const bound = bounds[output];
    if (bound === undefined) expect.fail(`${label}: the case states no bound for "${output}"`);
    const want: JudgeArray = run.outputs[output]!;
    const got = want instanceof Uint32Array ? words : floatsOf(kernel, output, words, given.lengths[output]!);
    if (!isU32(kernel, output)) {
      const unwritten = words.findIndex((word, i) => word === POISON && !Number.isNaN(want[i]!));
      if (unwritten >= 0) expect.fail(`${label}: never wrote ${output}[${unwritten}] of ${words.length}`);
    }
    for (const index of sampleIndices(got.length, samples)) {
      const wanted: number = want instanceof Uint32Array || bound !== "exact" ? want[index]! : Math.fround(want[index]!);
      const near = boundAt(bound, index);
      const packed = halfOf(kernel, output);
      const allowed = packed ? near + halfUlpOf(packed, Math.abs(wanted) + near) : near;
      const error = Math.abs(got[index]! - wanted);
      compared++;
      if (error === 0) continue;
      // Written so that NaN on either side, or as the bound, fails.
      if (!(error <= allowed)) {
        expect.fail(
          `${label}: ${output}[${index}] is ${got[index]}, the judge says ${wanted}: off by ${error}, allowed ${allowed} (${(error / allowed).toPrecision(4)} x)`,
        );
      }
      if (error / allowed > worst) {
        worst = error / allowed;
        at = { output, index, got: got[index]!, want: wanted, bound: allowed };
      }
    }
  }
  return { kernel: kernel.name, variant, worst, at, compared };
}
