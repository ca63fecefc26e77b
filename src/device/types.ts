/**
 * The device interface: buffers, launches, programs, submits. Two implementations stand behind it (WebGPU, CPU), and
 * neither has heard of a GPT. A kernel is what a device can launch; kernels are defined in `src/kernels`.
 */

import type { HalfType } from "../core/half.ts";

export type Access = "read" | "write" | "readwrite";
/** bf16 and f16 lie packed, two in a u32, the even element in the low half. */
export type ElementType = "f32" | "u32" | HalfType;

/** How a kernel's binding is declared: the access, and the element type where it is not f32. */
export type BindingSpec = Access | `${Access}:u32` | `${"read" | "write"}:${HalfType}`;
export type DimSpec = "u32" | "f32";

export type Bindings = Readonly<Record<string, BindingSpec>>;
export type Dims = Readonly<Record<string, DimSpec>>;
export type DimValues<D extends Dims = Dims> = { readonly [K in keyof D]: number };

/** f32 buffers arrive as Float32Array on the CPU device and as Float64Array in the judge; halves unpacked to the same, and packed again after. */
export type FloatArray = Float32Array | Float64Array;
export type MeaningBuffers<B extends Bindings> = {
  readonly [K in keyof B]: B[K] extends `${Access}:u32` ? Uint32Array : FloatArray;
};

export interface KernelVariant<D extends Dims = Dims> {
  readonly name: string;
  /** The whole module, shared snippets already prefixed. Bindings: group 0 in contract order; `dims` is group 1 binding 0. */
  readonly wgsl: string;
  /** Emitted as `const NAME: u32 = value;` before the module: sizes of register arrays. One pipeline for each distinct set. */
  readonly constants?: (dims: DimValues<D>) => Readonly<Record<string, number>>;
  /** Workgroups for these dims, as one number; the device folds it to two dimensions. */
  readonly workgroups: (dims: DimValues<D>) => number;
  readonly requires?: readonly GPUFeatureName[];
  /** Made for software adapters, whose cores have room for register blocks that a real GPU has not: taken only there. */
  readonly forSoftware?: boolean;
  /** False where this variant cannot take these dims. */
  readonly fits?: (dims: DimValues<D>) => boolean;
}

export interface Kernel<B extends Bindings = Bindings, D extends Dims = Dims> {
  readonly name: string;
  readonly bindings: B;
  readonly dims: D;
  readonly cost: (dims: DimValues<D>) => { readonly flops: number; readonly bytes: number };
  /** First = plain; the tuner compares the others with it. */
  readonly variants: readonly KernelVariant<D>[];
  /** Name of the WebAssembly export that computes the same; called with byte addresses in binding order, then dims in order. Halves arrive as f32. */
  readonly wasm?: string;
  /** The export takes halves as they lie. */
  readonly wasmPacked?: boolean;
  /** The textbook formula. Reads nothing from bindings declared "write". */
  meaning(buffers: MeaningBuffers<B>, dims: DimValues<D>): void;
}

/** Identity with inference: a misspelled binding or dim in `meaning` is a compile error. */
export function defineKernel<const B extends Bindings, const D extends Dims>(kernel: Kernel<B, D>): Kernel<B, D> {
  return kernel;
}

/** Any kernel, its own names forgotten: what lists, recordings and devices hold. */
// Method bivariance makes a Kernel<B, D> assignable here only through this deliberately wide shape.
export interface AnyKernel {
  readonly name: string;
  readonly bindings: Bindings;
  readonly dims: Dims;
  cost(dims: DimValues): { readonly flops: number; readonly bytes: number };
  readonly variants: readonly AnyVariant[];
  readonly wasm?: string;
  readonly wasmPacked?: boolean;
  meaning(buffers: Readonly<Record<string, FloatArray | Uint32Array>>, dims: DimValues): void;
}

export interface AnyVariant {
  readonly name: string;
  readonly wgsl: string;
  constants?(dims: DimValues): Readonly<Record<string, number>>;
  workgroups(dims: DimValues): number;
  readonly requires?: readonly GPUFeatureName[];
  readonly forSoftware?: boolean;
  fits?(dims: DimValues): boolean;
}

export interface DeviceBuffer {
  readonly label: string;
  readonly sizeBytes: number;
}

export interface BufferRequest {
  readonly label: string;
  readonly sizeBytes: number;
  /** Room in which launches of this heap unpack halves: `unpackedBytes` of the largest. Only the CPU device wants it, one a heap. */
  readonly unpacked?: boolean;
}

/** Part of a buffer. Offsets are multiples of 256 where a launch binds the view. */
export interface View {
  readonly buffer: DeviceBuffer;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

/** Everything one plan owns, allocated and freed together. */
export interface Heap {
  readonly buffers: readonly DeviceBuffer[];
  readonly sizeBytes: number;
  destroy(): void;
}

export interface Launch {
  /** Kernel and site, such as "matmulNN h.0.attn.c_attn": what errors and profiles name. */
  readonly label: string;
  readonly kernel: AnyKernel;
  /** Index into the kernel's variants. */
  readonly variant: number;
  /** In the contract's order. */
  readonly views: readonly View[];
  /** In the contract's order. */
  readonly dims: readonly number[];
}

/** Launches made ready: pipelines compiled, bind groups made, dims in their uniform slots. */
export interface Program {
  readonly label: string;
  readonly launches: readonly Launch[];
  /** Frees what the program owns beside the heap (uniform slots). */
  destroy(): void;
}

export type Command =
  /** All launches of a program, or `count` of them from `first`. */
  | { readonly kind: "run"; readonly program: Program; readonly first?: number; readonly count?: number }
  /** Sizes are equal and multiples of 4; never within one buffer. */
  | { readonly kind: "copy"; readonly from: View; readonly to: View }
  /** Sets every u32 of the view. */
  | { readonly kind: "fill"; readonly view: View; readonly value: number };

export interface DeviceLimits {
  readonly maxBufferBytes: number;
  readonly maxBindingBytes: number;
  /** What this device may be asked for in all; Infinity where it does not say. */
  readonly maxTotalBytes: number;
  /** Launches with halves need room in their heap to unpack them: `BufferRequest.unpacked`. */
  readonly unpacksHalves?: boolean;
}

export interface Device {
  readonly kind: "webgpu" | "cpu";
  readonly limits: DeviceLimits;
  readonly features: ReadonlySet<string>;
  /** A software adapter: a barrier costs it more than the workgroup memory behind it saves, so variants without are taken. */
  readonly barriersAreDear: boolean;
  /** All buffers of a plan at once. @throws NestlingError OUT_OF_MEMORY, with all of this call's buffers freed */
  allocate(requests: readonly BufferRequest[]): Promise<Heap>;
  /** Queued before any later submit. Multiples of 4 bytes. */
  write(view: View, data: ArrayBufferView): void;
  /** A copy of the bytes as they are after everything submitted so far. @throws the first error nobody has been told of yet */
  read(view: View): Promise<ArrayBuffer>;
  /** @throws NestlingError SHADER_COMPILE, KERNEL_DIMS, KERNEL_BINDING */
  prepare(label: string, launches: readonly Launch[]): Promise<Program>;
  /** Queues the commands; the CPU device has finished them on return. */
  submit(commands: readonly Command[]): void;
  /**
   * As `submit`, between two timestamps of the device's own; what it returns gives the milliseconds between them, once all has finished. One
   * such submit at a time. Absent where the device has no timestamps.
   */
  readonly submitTimed?: (commands: readonly Command[]) => () => Promise<number>;
  /** Resolves when everything submitted has finished. @throws the first error since the last call */
  finished(): Promise<void>;
  /** The first error nobody has been told of yet; checked before a metric is shown. */
  takeError(): Error | null;
  destroy(): void;
}
