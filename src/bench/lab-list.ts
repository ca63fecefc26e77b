/** What the kernel lab offers: each kernel that the suites or the reference steps launch, with the texts of its variants. Runs nothing. */
import { dimsOf } from "../device/launch.ts";
import type { Device } from "../device/types.ts";
import { headerText } from "../device/webgpu/pipelines.ts";
import { chooseVariant, usableVariants } from "../plan/variants.ts";
import type { ShippedKernel } from "../protocol/kernel-lab.ts";
import { casesOfKernel, referencePrograms, stepLaunches } from "./cases.ts";

export function shippedKernels(device: Pick<Device, "features" | "barriersAreDear" | "limits">): ShippedKernel[] {
  const { maxBindingBytes } = device.limits;
  const cases = casesOfKernel(null, maxBindingBytes);
  const trained = new Set(stepLaunches(referencePrograms("tiny", maxBindingBytes)).map(({ kernel }) => kernel.name));
  return [...new Set(cases.map(({ name }) => name))].toSorted().map((name): ShippedKernel => {
    const own = cases.filter((one) => one.name === name).map(({ recorded }) => recorded);
    const { kernel } = own[0]!;
    const variants = kernel.variants.map(({ name: variant, wgsl, requires = [] }, index) => {
      const at = own.find((recorded) => usableVariants(device, recorded).some((one) => one.index === index));
      const lacks = requires.filter((feature) => !device.features.has(feature));
      const unusable = at ? "" : lacks.length > 0 ? `This device has no ${lacks.join(" and no ")}.` : "No shape of the suites is one that it takes.";
      return { name: variant, source: wgsl, header: at ? headerText(kernel.variants[index]!, dimsOf({ ...at, variant: 0, views: [] })) : "", unusable };
    });
    return { name, variants, usual: kernel.variants[chooseVariant(device, own[0]!, {})]!.name, trains: trained.has(name) };
  });
}
