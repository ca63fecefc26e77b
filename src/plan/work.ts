/** How much work a launch is, in one number: what forecasts of its time stand on. Not a time; a device's rate makes it one. */
import { dimsOf } from "../device/launch.ts";
import type { AnyKernel } from "../device/types.ts";

/** Bytes weigh as this many operations: adapters move a byte in about the time of four to eight multiply-adds. */
const OPERATIONS_PER_BYTE = 4;

/** Operations and weighted bytes of one launch, from the kernel's own cost. */
export function workOf({ kernel, dims }: { readonly kernel: AnyKernel; readonly dims: readonly number[] }): number {
  const { flops, bytes } = kernel.cost(dimsOf({ kernel, dims, label: "", variant: 0, views: [] }));
  return flops + OPERATIONS_PER_BYTE * bytes;
}
