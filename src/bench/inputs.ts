/** What a launch is timed and checked on: numbers for each binding, by its name and the kernel's dims. No device here. */
import { accessOf, elementTypeOf } from "../device/launch.ts";
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

/** Indices that are looked up must exist: below V where the kernel has one, else zero (row 0, position 0, the document's first token). */
const indices = (name: string, length: number, { V = 1 }: DimValues): Uint32Array =>
  Uint32Array.from({ length }, (_, i) => (name === "ids" || name === "targets" ? (i * 7919) % V : 0));

/** Contents by binding of everything that a launch reads; "write" bindings are absent. */
export function inputsOf({ kernel, tensors }: Pick<RecordedLaunch, "kernel" | "tensors">, dims: DimValues): Map<string, Numbers> {
  const inputs = new Map<string, Numbers>();
  Object.entries(kernel.bindings).forEach(([name, spec], at) => {
    if (accessOf(spec) === "write") return;
    const length = elements(tensors[at]!.shape);
    if (elementTypeOf(spec) === "u32") return void inputs.set(name, indices(name, length, dims));
    const values = signed(length, 101 * at);
    const special = SPECIAL[name];
    inputs.set(name, special ? values.map((value) => special(value, dims)) : values);
  });
  return inputs;
}

/** Names of what a kernel writes, in its order. */
export const outputsOf = (kernel: AnyKernel): string[] => Object.entries(kernel.bindings).flatMap(([name, spec]) => (accessOf(spec) === "read" ? [] : [name]));
