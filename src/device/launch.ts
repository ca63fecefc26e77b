/** What both devices ask of a launch before they take it: binding counts, sizes, alignment, aliasing, dims. */
import { NestlingError } from "../core/errors.ts";
import type { HalfType } from "../core/half.ts";
import type { Access, AnyKernel, AnyVariant, BindingSpec, DimValues, ElementType, Launch } from "./types.ts";

/** Offsets of bound views; WebGPU's default `minStorageBufferOffsetAlignment`. */
export const VIEW_ALIGNMENT = 256;

export const alignUp = (bytes: number, to = VIEW_ALIGNMENT): number => Math.ceil(bytes / to) * to;

export function accessOf(spec: BindingSpec): Access {
  return spec.split(":")[0] as Access;
}

export function elementTypeOf(spec: BindingSpec): ElementType {
  return (spec.split(":")[1] as ElementType | undefined) ?? "f32";
}

/** Whether numbers of this type lie in sixteen bits. */
export const isHalf = (type: ElementType): type is HalfType => type === "bf16" || type === "f16";

/** Bytes that the halves of a launch take as f32, each at a 256-byte step; `sizes` are those of its views, in bytes. */
export function unpackedBytes(kernel: AnyKernel, sizes: readonly number[]): number {
  if (kernel.wasmPacked) return 0;
  return Object.values(kernel.bindings).reduce((sum, spec, i) => sum + (isHalf(elementTypeOf(spec)) ? alignUp(2 * sizes[i]!) : 0), 0);
}

/** The launch's dims by name, in the contract's order. */
export function dimsOf(launch: Launch): DimValues {
  return Object.fromEntries(Object.keys(launch.kernel.dims).map((name, i) => [name, launch.dims[i]!]));
}

export function variantOf(launch: Launch): AnyVariant {
  const variant = launch.kernel.variants[launch.variant];
  if (!variant) {
    throw new NestlingError("PLAN", `${launch.label}: variant ${launch.variant} asked for, ${launch.kernel.variants.length} exist.`);
  }
  return variant;
}

/** @throws NestlingError KERNEL_BINDING, KERNEL_DIMS, or PLAN for a variant that is not there, naming the launch, the number seen and the number allowed */
export function checkLaunch(launch: Launch, maxBindingBytes: number): void {
  const { kernel, label } = launch;
  variantOf(launch);
  const names = Object.keys(kernel.bindings);
  if (launch.views.length !== names.length) {
    throw new NestlingError("KERNEL_BINDING", `${label}: ${launch.views.length} buffers bound, ${kernel.name} takes ${names.length} (${names.join(", ")}).`);
  }
  const dimNames = Object.keys(kernel.dims);
  if (launch.dims.length !== dimNames.length) {
    throw new NestlingError("KERNEL_DIMS", `${label}: ${launch.dims.length} dims given, ${kernel.name} takes ${dimNames.length} (${dimNames.join(", ")}).`);
  }
  dimNames.forEach((name, i) => {
    const value = launch.dims[i]!;
    const whole = kernel.dims[name] === "f32" || (Number.isInteger(value) && value >= 0 && value < 2 ** 32);
    if (!Number.isFinite(value) || !whole) {
      throw new NestlingError("KERNEL_DIMS", `${label}: dim ${name} is ${value}; it must be ${kernel.dims[name] === "f32" ? "a finite number" : "a whole number from 0 to 4294967295"}.`);
    }
  });
  const seen = new Map<unknown, { access: Access; name: string; from: number; to: number }[]>();
  names.forEach((name, i) => {
    const view = launch.views[i]!;
    const access = accessOf(kernel.bindings[name]!);
    if (view.sizeBytes <= 0 || view.sizeBytes > maxBindingBytes) {
      throw new NestlingError("KERNEL_BINDING", `${label}: ${name} is ${view.sizeBytes} bytes; this device binds 1 to ${maxBindingBytes}. Use a smaller batch, context or width.`);
    }
    if (view.offsetBytes % VIEW_ALIGNMENT !== 0 || view.offsetBytes + view.sizeBytes > view.buffer.sizeBytes) {
      throw new NestlingError("KERNEL_BINDING", `${label}: ${name} is at bytes ${view.offsetBytes} to ${view.offsetBytes + view.sizeBytes} of ${view.buffer.sizeBytes}; views start at multiples of ${VIEW_ALIGNMENT} and end inside.`);
    }
    const mine = { access, name, from: view.offsetBytes, to: view.offsetBytes + view.sizeBytes };
    for (const other of seen.get(view.buffer) ?? []) {
      // WebGPU: one buffer is either read or written in one launch, and two written ranges may not overlap.
      const mixed = (other.access === "read") !== (access === "read");
      const overlap = access !== "read" && mine.from < other.to && other.from < mine.to;
      if (mixed || overlap) {
        throw new NestlingError("KERNEL_BINDING", `${label}: ${other.name} and ${name} share the buffer "${view.buffer.label}" (${mixed ? "one reads, one writes" : "overlapping writes"}), which WebGPU refuses.`);
      }
    }
    seen.set(view.buffer, [...(seen.get(view.buffer) ?? []), mine]);
  });
}
