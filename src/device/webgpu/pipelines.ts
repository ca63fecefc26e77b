/** Compute pipelines by kernel, variant and constants: compiled once, with layouts derived from the contract alone. */
import { NestlingError } from "../../core/errors.ts";
import { accessOf, dimsOf, variantOf } from "../launch.ts";
import type { AnyKernel, AnyVariant, DimValues, Launch } from "../types.ts";
import { lostWhileCompiling } from "./lost.ts";

/** Bytes bound for a launch's dims: 16 scalars. */
export const DIMS_BYTES = 64;

/** What a module must ask for to use a feature of the language. */
const ENABLES: Partial<Record<GPUFeatureName, string>> = { "shader-f16": "enable f16;\n", subgroups: "enable subgroups;\n" };

/** Lines before a variant's own text: what it enables, and constants of these dims, so that they size register arrays. */
export function headerText(variant: AnyVariant, dims: DimValues): string {
  return (variant.requires ?? []).map((feature) => ENABLES[feature] ?? "").join("") + Object.entries(variant.constants?.(dims) ?? {}).map(([name, value]) => `const ${name}: u32 = ${value}u;\n`).join("");
}

/** The module as compiled. */
export function moduleText(launch: Launch): string {
  const variant = variantOf(launch);
  return headerText(variant, dimsOf(launch)) + variant.wgsl;
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
  // Weak: a kernel that was made for one trial leaves with its pipelines.
  readonly #layouts = new WeakMap<AnyKernel, GPUBindGroupLayout>();
  readonly #pipelines = new WeakMap<AnyKernel, Map<string, Promise<GPUComputePipeline>>>();

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
    let own = this.#pipelines.get(launch.kernel);
    if (!own) this.#pipelines.set(launch.kernel, (own = new Map()));
    const key = `${launch.variant}/${JSON.stringify(constants)}`;
    let pipeline = own.get(key);
    if (!pipeline) own.set(key, (pipeline = this.#compile(launch)));
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
      const lost = await lostWhileCompiling(this.device, error);
      if (lost) throw lost;
      const info = await module.getCompilationInfo().catch(() => null);
      const lines = code.split("\n");
      const above = headerText(variant, dimsOf(launch)).split("\n").length - 1;
      const errors = (info?.messages ?? []).filter((message) => message.type === "error");
      const where = errors.map((message) => `line ${message.lineNum}: ${message.message}\n  ${lines[message.lineNum - 1] ?? ""}`);
      // Lines and columns count from 1, in the variant's own text.
      const messages = errors.map(({ lineNum, linePos, message }) => ({ line: Math.max(1, lineNum - above), column: Math.max(1, linePos), message }));
      throw new NestlingError("SHADER_COMPILE", `${name} does not compile. ${where.join("\n") || String(error)}`, { kernel: name, messages });
    }
  }
}
