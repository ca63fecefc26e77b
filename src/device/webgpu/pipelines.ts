/** Compute pipelines by kernel, variant and constants: compiled once, with layouts derived from the contract alone. */
import { NestlingError } from "../../core/errors.ts";
import { accessOf, dimsOf, variantOf } from "../launch.ts";
import type { AnyKernel, Launch } from "../types.ts";

/** Bytes bound for a launch's dims: 16 scalars. */
export const DIMS_BYTES = 64;

/** The module as compiled: constants of this launch first, so that they size register arrays. */
export function moduleText(launch: Launch): string {
  const variant = variantOf(launch);
  const constants = variant.constants?.(dimsOf(launch)) ?? {};
  const header = Object.entries(constants).map(([name, value]) => `const ${name}: u32 = ${value}u;\n`).join("");
  return header + variant.wgsl;
}

const shared = new WeakMap<GPUDevice, Pipelines>();

/** The pipelines of a GPUDevice: however many stand on it, each is compiled once. */
export function pipelinesOf(device: GPUDevice): Pipelines {
  let pipelines = shared.get(device);
  if (!pipelines) shared.set(device, (pipelines = new Pipelines(device)));
  return pipelines;
}

export type { Pipelines };

class Pipelines {
  readonly dimsLayout: GPUBindGroupLayout;
  readonly #layouts = new Map<AnyKernel, GPUBindGroupLayout>();
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  readonly #kernelNumbers = new Map<AnyKernel, number>();

  constructor(readonly device: GPUDevice) {
    this.dimsLayout = device.createBindGroupLayout({
      label: "dims",
      entries: [{ binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: "uniform", hasDynamicOffset: true, minBindingSize: DIMS_BYTES } }],
    });
  }

  layoutOf(kernel: AnyKernel): GPUBindGroupLayout {
    let layout = this.#layouts.get(kernel);
    if (!layout) {
      layout = this.device.createBindGroupLayout({
        label: kernel.name,
        entries: Object.values(kernel.bindings).map((spec, binding) => ({
          binding,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: accessOf(spec) === "read" ? "read-only-storage" : "storage" } as const,
        })),
      });
      this.#layouts.set(kernel, layout);
    }
    return layout;
  }

  pipelineOf(launch: Launch): Promise<GPUComputePipeline> {
    const constants = variantOf(launch).constants?.(dimsOf(launch)) ?? {};
    let number = this.#kernelNumbers.get(launch.kernel);
    if (number === undefined) this.#kernelNumbers.set(launch.kernel, (number = this.#kernelNumbers.size));
    const key = `${number}/${launch.variant}/${JSON.stringify(constants)}`;
    let pipeline = this.#pipelines.get(key);
    if (!pipeline) this.#pipelines.set(key, (pipeline = this.#compile(launch)));
    return pipeline;
  }

  async #compile(launch: Launch): Promise<GPUComputePipeline> {
    const { kernel } = launch;
    const variant = variantOf(launch);
    const name = `${kernel.name}/${variant.name}`;
    const code = moduleText(launch);
    // The pipeline's failure says it all; uncaptured, the module's own error would stop whatever runs next.
    this.device.pushErrorScope("validation");
    const module = this.device.createShaderModule({ label: name, code });
    void this.device.popErrorScope().catch(() => {});
    try {
      return await this.device.createComputePipelineAsync({
        label: name,
        layout: this.device.createPipelineLayout({ bindGroupLayouts: [this.layoutOf(kernel), this.dimsLayout] }),
        compute: { module, entryPoint: "main" },
      });
    } catch (error) {
      const info = await module.getCompilationInfo().catch(() => null);
      const lines = code.split("\n");
      const where = (info?.messages ?? [])
        .filter((message) => message.type === "error")
        .map((message) => `line ${message.lineNum}: ${message.message}\n  ${lines[message.lineNum - 1] ?? ""}`);
      throw new NestlingError("SHADER_COMPILE", `${name} does not compile. ${where.join("\n") || String(error)}`, { kernel: name });
    }
  }
}
