/**
 * A kernel again, some of its operands stored as packed bf16: formula, dims, WebAssembly export and arithmetic are the same, what is read is
 * exact, what is stored is rounded to nearest even. Not a kernel.
 */
import { accessOf } from "../device/launch.ts";
import type { Bindings, BindingSpec, Dims, DimValues, Kernel, KernelVariant } from "../device/types.ts";

export interface StoredBf16<B extends Bindings, D extends Dims> {
  readonly name: string;
  /** What is packed, with its elements; none of them is accumulated into. */
  readonly packed: { readonly [K in keyof B]?: (dims: DimValues<D>) => number };
  readonly variants: readonly KernelVariant<D>[];
}

export function storedBf16<B extends Bindings, D extends Dims>(of: Kernel<B, D>, { name, packed, variants }: StoredBf16<B, D>): Kernel<B, D> {
  const counts = Object.values(packed) as ((dims: DimValues<D>) => number)[];
  const bindings = Object.fromEntries(Object.entries(of.bindings).map(([binding, spec]): [string, BindingSpec] =>
    [binding, binding in packed ? (accessOf(spec) === "write" ? "write:bf16" : "read:bf16") : spec]));
  return {
    ...of, name, variants,
    // Of the same names, with what their formula sees: numbers.
    bindings: bindings as unknown as B,
    cost: (dims) => {
      const { flops, bytes } = of.cost(dims);
      return { flops, bytes: bytes - 2 * counts.reduce((sum, count) => sum + count(dims), 0) };
    },
  };
}
