/** What a launch is timed and checked on: numbers for each binding, by its name and the kernel's dims. No device here. */
import { HALVES } from "../core/half.ts";
import { accessOf, elementTypeOf, isHalf } from "../device/launch.ts";
import type { AnyKernel, DimValues } from "../device/types.ts";
import type { RecordedLaunch } from "../plan/recorder.ts";
import { elements } from "../plan/tensor.ts";

export type Numbers = Float32Array | Uint32Array;

/** Values repeat after a prime number of them, so that no two rows are alike. */
const PATTERN_LENGTH = 65_521;

let pattern: Float32Array | null = null;

/** Uniform in [-1, 1), by a multiplicative hash: zero mean, as activations and gradients have. */
function signed(length: number, offset: number): Float32Array {
  pattern ??= Float32Array.from({ length: PATTERN_LENGTH }, (_, i) => {
    let bits = Math.imul(i + 1, 0x9e3779b1);
    bits = Math.imul(bits ^ (bits >>> 15), 0x85ebca6b);
    return ((bits ^ (bits >>> 13)) >>> 8) / 2 ** 23 - 1;
  });
  const out = new Float32Array(length);
  for (let i = 0; i < length; i++) out[i] = pattern[(i + offset) % PATTERN_LENGTH]!;
  return out;
}

/** Bindings whose numbers have a range of their own; all others are signed. Second moments and rates of zero or less have no meaning. */
const SPECIAL: Readonly<Record<string, (signedValue: number, dims: DimValues) => number>> = {
  v: Math.abs,
  mask: () => 1,
  scalars: () => 0.5,
  stepF: () => 0.5,
  rstd: (x) => 1 + x / 2,
  // What the forward pass would leave for scores about zero: the log of the count of keys.
  lse: (x, { T = 1 }) => Math.log(T) + x / 8,
};

/** Where indices point to: the table that is looked up, and the dim that is its rows' width. */
const LOOKED_UP: Readonly<Record<string, Readonly<Record<string, string>>>> = { ids: { wte: "C" }, pos: { wpe: "C", turns: "HS" }, index: { inp: "C" } };

/** Rows that an index may name: those of its table, or V; one where the kernel looks nothing up. */
function rowsFor(name: string, { kernel, tensors }: Pick<RecordedLaunch, "kernel" | "tensors">, dims: DimValues): number {
  for (const [table, width] of Object.entries(LOOKED_UP[name] ?? {})) {
    const at = Object.keys(kernel.bindings).indexOf(table);
    if (at >= 0) return elements(tensors[at]!.shape) / dims[width]!;
  }
  return name === "ids" || name === "targets" ? (dims["V"] ?? 1) : 1;
}

/** The first token of token t's document: short ones in the first half of a sequence, one long one in the second. */
const documentStart = (t: number, T: number): number => (t < T / 2 ? t - (t % 7) : Math.ceil(T / 2));

/**
 * Contents by binding of everything that a launch reads; "write" bindings are absent.
 * @param documents several to a sequence, for texts that nobody has tried; else one, as the reference trainings have
 */
export function inputsOf(launch: Pick<RecordedLaunch, "kernel" | "tensors">, dims: DimValues, documents = false): Map<string, Numbers> {
  const { kernel, tensors } = launch;
  const inputs = new Map<string, Numbers>();
  Object.entries(kernel.bindings).forEach(([name, spec], at) => {
    if (accessOf(spec) === "write") return;
    const length = elements(tensors[at]!.shape);
    if (elementTypeOf(spec) === "u32") {
      const rows = rowsFor(name, launch, dims);
      const T = documents && name === "start" ? dims["T"]! : 0;
      return void inputs.set(name, Uint32Array.from({ length }, (_, i) => (T > 0 ? documentStart(i % T, T) : (i * 7919) % rows)));
    }
    const values = signed(length, 101 * at);
    const special = SPECIAL[name];
    const numbers = special ? values.map((value) => special(value, dims)) : values;
    const type = elementTypeOf(spec);
    // What lies in halves is what halves can hold: the judge reads the same.
    inputs.set(name, isHalf(type) ? HALVES[type].decode(HALVES[type].encode(numbers)) : numbers);
  });
  return inputs;
}

/** Names of what a kernel writes, in its order. */
export const outputsOf = (kernel: AnyKernel): string[] => Object.entries(kernel.bindings).flatMap(([name, spec]) => (accessOf(spec) === "read" ? [] : [name]));
