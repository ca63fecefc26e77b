/**
 * What two WebGPU implementations are asked to do alike: compile every variant of every kernel, and train the smallest models for
 * some steps. Runs on any GPUDevice; which one is the caller's business.
 */
import { createWebGpuDevice } from "../../src/device/webgpu/webgpu-device.ts";
import { moduleText, pipelinesOf } from "../../src/device/webgpu/pipelines.ts";
import type { AnyKernel, AnyVariant, Device, DimValues } from "../../src/device/types.ts";
import { kernels } from "../../src/kernels/index.ts";
import { microTrainer, type FamilyName } from "../support/micro.ts";

export const STEPS = 20;

/** Steps where each takes long, as on variants whose barriers a software adapter pays for dearly: fewer of them show the same launches. */
const FEW_STEPS = 4;

export interface Compilation {
  /** Every module that became a pipeline: a variant has one for each distinct set of its constants. */
  readonly compiled: readonly { readonly name: string; readonly constants: string }[];
  /** Every other module, parsed and validated; the form (`formOf`) of each has a pipeline among those above. */
  readonly validated: readonly { readonly name: string; readonly constants: string; readonly form: string }[];
  /** What failed, with the compiler's words. */
  readonly failed: readonly string[];
  /** "kernel/variant" of those that need a feature which this device lacks, with the feature. */
  readonly unsupported: readonly { readonly name: string; readonly feature: string }[];
}

const HEAD_SIZES = [4, 8, 16, 32, 64, 128];

/** Sizes to compile a variant for: together they fit every variant and reach every set of its constants. */
const sizes = (kernel: AnyKernel): DimValues[] =>
  HEAD_SIZES.flatMap((HS) => [64, 256, 4096].map((other) => Object.fromEntries(Object.keys(kernel.dims).map((dim) => [dim, dim === "HS" ? HS : dim === "partials" ? 4 : other]))));

/** One size for each distinct set of constants. */
export function sizesToCompile(kernel: AnyKernel, variant: AnyVariant): DimValues[] {
  const fitting = sizes(kernel).filter((dims) => variant.fits?.(dims) ?? true);
  return [...new Map(fitting.map((dims) => [JSON.stringify(variant.constants?.(dims) ?? {}), dims])).values()];
}

/** Which halves a kernel packs, by its name; undefined where it packs none. */
export const halfOf = (kernel: string): string | undefined => /B?[fF]16/.exec(kernel)?.[0];

/**
 * What modules of one text template have in common: the kind of kernel, which halves it packs, and the variant's name without its
 * numbers. Products differ within a form in what is done with a sum; heads, rows and tiles in the constants in front.
 */
export function formOf(kernel: string, variant: string): string {
  const half = halfOf(kernel);
  const kind = /^matmul(NN|NT|TN)/.exec(kernel)?.[0] ?? kernel.replace(/B?[fF]16.*$/, "");
  return `${kind}${half ? ` ${half.toLowerCase()}` : ""}/${variant.replace(/\d+/g, "#")}`;
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** @throws Error with the compiler's words */
async function validate(gpu: GPUDevice, code: string): Promise<void> {
  gpu.pushErrorScope("validation");
  const module = gpu.createShaderModule({ code });
  const error = await gpu.popErrorScope();
  const messages = (await module.getCompilationInfo()).messages.filter(({ type }) => type === "error");
  if (error || messages.length > 0) throw new Error(messages.map(({ message }) => message).join("\n") || error!.message);
}

/**
 * Every variant of every kernel, as the engine compiles it: the contract's layout, the constants in front.
 * @param everyPipeline by day the front of the compiler takes every module, and the driver, which is slow where it is software, one
 *   module of each form and the first variant of each kernel in f32
 */
export async function compileAll(gpu: GPUDevice, everyPipeline: boolean): Promise<Compilation> {
  const pipelines = pipelinesOf(gpu);
  const compiled: { name: string; constants: string }[] = [];
  const validated: { name: string; constants: string; form: string }[] = [];
  const forms = new Set<string>();
  const failed: string[] = [];
  const unsupported: { name: string; feature: string }[] = [];
  for (const kernel of Object.values(kernels) as unknown as AnyKernel[]) {
    for (const [index, variant] of kernel.variants.entries()) {
      const name = `${kernel.name}/${variant.name}`;
      const feature = (variant.requires ?? []).find((one) => !gpu.features.has(one));
      if (feature) {
        unsupported.push({ name, feature });
        continue;
      }
      const all = sizesToCompile(kernel, variant);
      if (all.length === 0) failed.push(`${name}: none of the tried sizes fits it`);
      for (const dims of all) {
        const constants = JSON.stringify(variant.constants?.(dims) ?? {});
        const launch = { label: name, kernel, variant: index, views: [], dims: Object.keys(kernel.dims).map((dim) => dims[dim]!) };
        const form = formOf(kernel.name, variant.name);
        const ofForm = !everyPipeline && forms.has(form) && (index > 0 || dims !== all[0] || halfOf(kernel.name) !== undefined);
        forms.add(form);
        await (ofForm ? validate(gpu, moduleText(launch)) : pipelines.pipelineOf(launch)).then(
          () => (ofForm ? validated.push({ name, constants, form }) : compiled.push({ name, constants })),
          (error: unknown) => failed.push(`${name} ${constants}: ${wordsOf(error)}`),
        );
      }
    }
  }
  return { compiled, validated, failed, unsupported };
}

export interface Trace {
  readonly name: string;
  readonly steps: number;
  readonly losses: readonly number[];
  readonly gradNorms: readonly number[];
  /** Held-out loss after the last step, nats. */
  readonly held: number;
  /** Weights by parameter after the last step. */
  readonly weights: Readonly<Record<string, readonly number[]>>;
}

/** Each at L1 C32 T32 V65. */
const FAMILIES: readonly FamilyName[] = ["gpt2", "llama"];

async function trace(device: Device, family: FamilyName, steps: number): Promise<Trace> {
  const trainer = await microTrainer(device, { family });
  for (let step = 0; step < steps; step++) trainer.takeStep();
  const metrics = await trainer.readMetrics();
  const held = await trainer.evaluate(trainer.data, 2);
  const { weights } = await trainer.snapshot(false);
  trainer.destroy();
  return {
    name: `${family}, ${device.barriersAreDear ? "rows by thread" : "rows by workgroup"}`, steps, held,
    losses: metrics.map(({ loss }) => loss), gradNorms: metrics.map(({ gradNorm }) => gradNorm),
    weights: Object.fromEntries([...weights].map(([key, { data }]) => [key, Array.from(data)])),
  };
}

/**
 * The micro run of every family, with the variants that software adapters get and with those that graphics cards get.
 * @param short a few steps of the former alone, for a driver on which a step takes seconds
 */
export async function trainAll(gpu: GPUDevice, short = false): Promise<Trace[]> {
  const traces: Trace[] = [];
  for (const softwareAdapter of short ? [true] : [true, false]) {
    // One device for both: pipelines are compiled once a device.
    const device = createWebGpuDevice(gpu, { softwareAdapter });
    for (const family of FAMILIES) traces.push(await trace(device, family, softwareAdapter && !short ? STEPS : FEW_STEPS));
  }
  return traces;
}
