/** One launch in memory of its own, by any of its variants: what it computes, and how long it takes. Chooses nothing. */
import { HALVES, type HalfType } from "../core/half.ts";
import { accessOf, dimsOf, elementTypeOf, isHalf } from "../device/launch.ts";
import type { Device, Heap, Program, View } from "../device/types.ts";
import { roomToUnpack } from "./memory.ts";
import type { RecordedLaunch } from "./recorder.ts";
import { sizeOf, type Tensor } from "./tensor.ts";

/** Values repeat after a prime number of them, so that no two rows are alike. */
const PATTERN_LENGTH = 65_521;
/** Quiet NaNs that no arithmetic makes: what a launch leaves unwritten is seen, and told from what it got wrong. As halves they stand twice in a word. */
const UNWRITTEN = { f32: 0x7fc0ca11, u32: 0x7fc0ca11, bf16: 0x7fc17fc1, f16: 0x7e017e01 } as const;
/** The same among the formula's f64, where it is finite and beyond every f32. */
const UNWRITTEN_F64 = -1.25e300;

/** Marked as unwritten where the memory still holds the mark. */
function decoded(type: HalfType, bytes: ArrayBuffer): Float32Array {
  const words = new Uint16Array(bytes);
  const values = HALVES[type].decode(words);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  words.forEach((word, i) => {
    if (word === (UNWRITTEN[type] & 0xffff)) bits[i] = UNWRITTEN.f32;
  });
  return values;
}

/** The formula's numbers as the device would hold them. */
function rounded(type: HalfType | "f32", values: Float64Array): Float32Array {
  const single = Float32Array.from(values);
  const held = type === "f32" ? single : HALVES[type].decode(HALVES[type].encode(single));
  const bits = new Uint32Array(held.buffer, held.byteOffset, held.length);
  values.forEach((value, i) => {
    if (value === UNWRITTEN_F64) bits[i] = UNWRITTEN.f32;
  });
  return held;
}

/** What stands in an input of indices; undefined = zeros: row 0, token 0, position 0 are always there. */
export type Indices = (tensor: Tensor) => Uint32Array | undefined;

export interface ScratchOptions {
  /** Numbers above zero only, where signs would take a kernel out of its domain. */
  readonly positive?: boolean;
  readonly indices?: Indices;
}

/** Uniform in [-1, 1), or (0, 1] where signs would take a kernel out of its domain. */
function pattern(positive: boolean): Float32Array {
  const values = new Float32Array(PATTERN_LENGTH);
  for (let i = 0; i < values.length; i++) {
    let bits = Math.imul(i + 1, 0x9e3779b1);
    bits = Math.imul(bits ^ (bits >>> 15), 0x85ebca6b);
    const unit = ((bits ^ (bits >>> 13)) >>> 8) / 2 ** 24;
    values[i] = positive ? 1 - unit : 2 * unit - 1;
  }
  return values;
}

function repeated(values: Float32Array, length: number): Float32Array {
  const out = new Float32Array(length);
  for (let at = 0; at < length; at += values.length) out.set(values.subarray(0, Math.min(values.length, length - at)), at);
  return out;
}

export class Scratch {
  readonly #programs = new Map<number, Program>();

  private constructor(
    private readonly device: Device,
    private readonly recorded: RecordedLaunch,
    private readonly heap: Heap,
    private readonly values: Float32Array,
    private readonly indices: Indices,
  ) {}

  /** Bytes that `create` would take. */
  static bytesOf({ tensors }: RecordedLaunch): number {
    return tensors.reduce((sum, tensor) => sum + sizeOf(tensor), 0);
  }

  /** @throws NestlingError OUT_OF_MEMORY */
  static async create(device: Device, recorded: RecordedLaunch, { positive = false, indices = () => undefined }: ScratchOptions = {}): Promise<Scratch> {
    const room = device.limits.unpacksHalves ? roomToUnpack([recorded]) : 0;
    const heap = await device.allocate([
      ...recorded.tensors.map((tensor, i) => ({ label: `scratch ${i}`, sizeBytes: sizeOf(tensor) })),
      ...(room > 0 ? [{ label: "halves unpacked", sizeBytes: room, unpacked: true }] : []),
    ]);
    return new Scratch(device, recorded, heap, pattern(positive), indices);
  }

  get #views(): View[] {
    return this.recorded.tensors.map((tensor, i) => ({ buffer: this.heap.buffers[i]!, offsetBytes: 0, sizeBytes: sizeOf(tensor) }));
  }

  /** @throws NestlingError SHADER_COMPILE, KERNEL_DIMS, KERNEL_BINDING */
  async prepare(index: number): Promise<Program> {
    let program = this.#programs.get(index);
    if (!program) {
      const { label, kernel, dims } = this.recorded;
      this.#programs.set(index, (program = await this.device.prepare("scratch", [{ label, kernel, dims, variant: index, views: this.#views }])));
    }
    return program;
  }

  /** Gives every input its numbers, and what is written only a mark. */
  fill(): void {
    const specs = Object.values(this.recorded.kernel.bindings);
    this.#views.forEach((view, i) => {
      const unread = accessOf(specs[i]!) === "write";
      const type = elementTypeOf(specs[i]!);
      const indices = type === "u32" ? this.indices(this.recorded.tensors[i]!) : undefined;
      if (indices?.byteLength === view.sizeBytes) this.device.write(view, indices);
      else if (unread || type === "u32") this.device.submit([{ kind: "fill", view, value: unread ? UNWRITTEN[type] : 0 }]);
      else if (isHalf(type)) this.device.write(view, HALVES[type].encode(repeated(this.values, view.sizeBytes / 2)));
      else this.device.write(view, repeated(this.values, view.sizeBytes / 4));
    });
  }

  /** Everything the launch writes, by this variant, from inputs that are the same each time; halves decoded. */
  async outputs(index: number): Promise<Float32Array[]> {
    const program = await this.prepare(index);
    this.fill();
    this.device.submit([{ kind: "run", program }]);
    const specs = Object.values(this.recorded.kernel.bindings);
    const outputs: Float32Array[] = [];
    for (const [i, view] of this.#views.entries()) {
      if (accessOf(specs[i]!) === "read") continue;
      const bytes = await this.device.read(view);
      const type = elementTypeOf(specs[i]!);
      outputs.push(isHalf(type) ? decoded(type, bytes) : new Float32Array(bytes));
    }
    return outputs;
  }

  /** Everything the launch writes, by its contract's formula from the same inputs: on the host, so that nothing is compiled and no device judges itself. */
  meant(): Float32Array[] {
    const { kernel, tensors } = this.recorded;
    const specs = Object.entries(kernel.bindings);
    const bound = tensors.map((tensor, i) => {
      const type = elementTypeOf(specs[i]![1]);
      const length = sizeOf(tensor) / (isHalf(type) ? 2 : 4);
      if (type === "u32") return this.indices(tensor)?.slice() ?? new Uint32Array(length);
      if (accessOf(specs[i]![1]) === "write") return new Float64Array(length).fill(UNWRITTEN_F64);
      const values = repeated(this.values, length);
      return Float64Array.from(isHalf(type) ? HALVES[type].decode(HALVES[type].encode(values)) : values);
    });
    kernel.meaning(Object.fromEntries(specs.map(([name], i) => [name, bound[i]!])), dimsOf({ ...this.recorded, variant: 0, views: [] }));
    return bound.flatMap((values, i) => {
      const [, spec] = specs[i]!;
      if (accessOf(spec) === "read") return [];
      const type = elementTypeOf(spec);
      return [values instanceof Uint32Array ? new Float32Array(values.buffer) : rounded(isHalf(type) ? type : "f32", values)];
    });
  }

  /** Milliseconds of one launch, from `runs` of them in one submit. */
  async time(index: number, runs: number, now: () => number): Promise<number> {
    const program = await this.prepare(index);
    await this.device.finished();
    const from = now();
    this.device.submit(Array.from({ length: runs }, () => ({ kind: "run" as const, program })));
    await this.device.finished();
    return (now() - from) / runs;
  }

  destroy(): void {
    for (const program of this.#programs.values()) program.destroy();
    this.heap.destroy();
  }
}

/** How two variants' results compare. */
export interface Difference {
  readonly sameBits: boolean;
  /** Largest difference as a share of the largest value; Infinity where one is no number, or infinite and the other is not so too. */
  readonly worst: number;
}

export function differenceOf(reference: readonly Float32Array[], results: readonly Float32Array[]): Difference {
  let sameBits = true;
  let worst = 0;
  reference.forEach((expected, o) => {
    const got = results[o]!;
    const expectedBits = new Uint32Array(expected.buffer, expected.byteOffset, expected.length);
    const gotBits = new Uint32Array(got.buffer, got.byteOffset, got.length);
    const largest = expected.reduce((most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most), Number.MIN_VALUE);
    for (let i = 0; i < expected.length; i++) {
      // A NaN says nothing of what it should have been, whatever its bits; what neither wrote is no result.
      if (expectedBits[i] !== gotBits[i]) sameBits = false;
      else if (!Number.isNaN(got[i]) || gotBits[i] === UNWRITTEN.f32) continue;
      const bothFinite = Number.isFinite(expected[i]) && Number.isFinite(got[i]);
      worst = Math.max(worst, bothFinite ? Math.abs(expected[i]! - got[i]!) / largest : Infinity);
    }
  });
  return { sameBits, worst };
}

/** Of all that was written. */
const every = (outputs: readonly Float32Array[], holds: (value: number) => boolean): boolean =>
  outputs.every((output) => {
    const bits = new Uint32Array(output.buffer, output.byteOffset, output.length);
    return output.every((value, i) => holds(value) || bits[i] === UNWRITTEN.f32);
  });

export const allFinite = (outputs: readonly Float32Array[]): boolean => every(outputs, Number.isFinite);

/** Whether a result can judge another. */
export const allNumbers = (outputs: readonly Float32Array[]): boolean => every(outputs, (value) => !Number.isNaN(value));
