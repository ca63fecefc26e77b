/**
 * A kernel again, twice, some of its operands stored as packed halves, bf16 or f16: formula, dims and WebAssembly export are the same, what is read
 * is exact, what is stored is rounded to nearest even. Not a kernel.
 */
import type { HalfType } from "../core/half.ts";
import { accessOf } from "../device/launch.ts";
import type { Bindings, BindingSpec, Dims, DimValues, Kernel, KernelVariant } from "../device/types.ts";
import bf16 from "../../shaders/lib/bf16.wgsl?raw";
import f16 from "../../shaders/lib/f16.wgsl?raw";

/** How modules of either format read and write it: pack_half, unpack_half, half_at. */
export const HALF_LIB: Readonly<Record<HalfType, string>> = { bf16, f16 };
/** The format as it stands in a kernel's name. */
const IN_NAME: Readonly<Record<HalfType, string>> = { bf16: "Bf16", f16: "F16" };

/** A kernel for each format. */
export type Halves<K> = Readonly<Record<HalfType, K>>;

export const bothHalves = <K>(make: (type: HalfType, inName: string) => K): Halves<K> => ({ bf16: make("bf16", IN_NAME.bf16), f16: make("f16", IN_NAME.f16) });

export interface StoredHalf<B extends Bindings, D extends Dims> {
  /** After the kernel's name and the format's. */
  readonly suffix?: string;
  /** What is packed, with its elements; none of them is accumulated into. */
  readonly packed: { readonly [K in keyof B]?: (dims: DimValues<D>) => number };
  readonly variants: (lib: string, type: HalfType) => readonly KernelVariant<D>[];
}

export function storedHalf<B extends Bindings, D extends Dims>(of: Kernel<B, D>, { suffix = "", packed, variants }: StoredHalf<B, D>): Halves<Kernel<B, D>> {
  const counts = Object.values(packed) as ((dims: DimValues<D>) => number)[];
  return bothHalves((type, inName) => {
    const bindings = Object.fromEntries(Object.entries(of.bindings).map(([binding, spec]): [string, BindingSpec] =>
      [binding, binding in packed ? `${accessOf(spec) === "write" ? "write" : "read"}:${type}` : spec]));
    return {
      ...of, name: `${of.name}${inName}${suffix}`, variants: variants(HALF_LIB[type], type),
      // Of the same names, with what their formula sees: numbers.
      bindings: bindings as unknown as B,
      cost: (dims) => {
        const { flops, bytes } = of.cost(dims);
        return { flops, bytes: bytes - 2 * counts.reduce((sum, count) => sum + count(dims), 0) };
      },
    };
  });
}
