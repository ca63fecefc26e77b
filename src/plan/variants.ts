/** Which variant of a kernel a launch takes. Pure; what times them is `tuner.ts`. */
import { NestlingError } from "../core/errors.ts";
import { dimsOf } from "../device/launch.ts";
import type { AnyVariant, Device } from "../device/types.ts";
import type { RecordedLaunch } from "./recorder.ts";

/**
 * Kernel name to variant name: what was chosen, frozen for the run and stored in the checkpoint. Where launches of one kernel differ,
 * those that differ from its first have an entry of their own, "name dims".
 */
export type VariantChoices = Readonly<Record<string, string>>;

/** A variant with its index in the kernel's list. */
export interface Candidate {
  readonly variant: AnyVariant;
  readonly index: number;
}

export const hasBarrier = (variant: AnyVariant): boolean => variant.wgsl.includes("workgroupBarrier");

/** The entry of one kernel at one set of dims. */
export const ownKey = ({ kernel, dims }: RecordedLaunch): string => `${kernel.name} ${dims.join(",")}`;

/** Those that fit these dims and this device, plain first. */
export function usableVariants(device: Pick<Device, "features">, recorded: RecordedLaunch): Candidate[] {
  const dims = dimsOf({ ...recorded, variant: 0, views: [] });
  return recorded.kernel.variants.map((variant, index) => ({ variant, index })).filter(
    ({ variant }) => (variant.requires ?? []).every((feature) => device.features.has(feature)) && (variant.fits?.(dims) ?? true),
  );
}

/**
 * The last variant that is usable (listed plain first, fastest last). Where barriers are dear, one made for software adapters comes first,
 * then those without barriers; elsewhere the former are left out. A variant chosen by name comes before all.
 * @param avoid names of variants that are wrong on this device
 */
export function chooseVariant(device: Pick<Device, "features" | "barriersAreDear">, recorded: RecordedLaunch, choices: VariantChoices, avoid: ReadonlySet<string> = new Set()): number {
  const { kernel } = recorded;
  const usable = usableVariants(device, recorded).filter(({ variant }) => !avoid.has(variant.name));
  const wanted = choices[ownKey(recorded)] ?? choices[kernel.name];
  const chosen =
    usable.find(({ variant }) => variant.name === wanted) ??
    (device.barriersAreDear
      ? (usable.findLast(({ variant }) => variant.forSoftware) ?? usable.findLast(({ variant }) => !hasBarrier(variant)) ?? usable.at(-1))
      : usable.findLast(({ variant }) => !variant.forSoftware));
  if (!chosen) throw new NestlingError("PLAN", `${recorded.label}: no variant of ${kernel.name} fits this device and these sizes.`);
  return chosen.index;
}
