/**
 * The smallest model of each family that has every part (L1 C32 T32 V65), their data, and the devices it runs on: what the promises that step
 * through training are tested with. The golden model of `parity.ts` is another.
 */
import { sha256Stream } from "../../src/core/hash.ts";
import { Draws } from "../../src/core/random.ts";
import { TextBatches } from "../../src/data/batches.ts";
import type { Batch, BatchSource } from "../../src/data/batch-types.ts";
import type { TokenStream } from "../../src/data/dataset.ts";
import { createCpuDevice } from "../../src/device/cpu/cpu-device.ts";
import type { Device } from "../../src/device/types.ts";
import { createWebGpuDevice } from "../../src/device/webgpu/webgpu-device.ts";
import type { Gpt2Config } from "../../src/model/gpt2.ts";
import type { LlamaConfig } from "../../src/model/llama.ts";
import type { TransformerConfig } from "../../src/model/transformer.ts";
import type { CompileOptions } from "../../src/plan/compile.ts";
import type { Dtype, LoraMethod, OptimizerConfig, PretrainStage } from "../../src/protocol/recipe.ts";
import type { StageShape } from "../../src/training/objectives/index.ts";
import { recordTraining, type TrainingPrograms } from "../../src/training/programs.ts";
import { Trainer, type TrainerState } from "../../src/training/trainer.ts";
import { gpuDevice } from "./gpu.ts";
import { wasmModule } from "./wasm.ts";

export const V = 65;
export const T = 32;

export const microConfig: Gpt2Config = { family: "gpt2", n_layer: 1, n_head: 2, n_embd: 32, block_size: T, dropout: 0, tie_word_embeddings: true, vocab_size: V };

/** Two query heads on each key head. */
export const microLlama: LlamaConfig = {
  family: "llama", n_layer: 1, n_head: 4, n_kv_head: 2, n_embd: 32, intermediate_size: 88, block_size: T, rope_theta: 10_000, rms_norm_eps: 1e-5,
  dropout: 0, tie_word_embeddings: true, vocab_size: V,
};

export type FamilyName = TransformerConfig["family"];

/** The micro model of a family, changed in places. */
export const microConfigOf = (family: FamilyName = "gpt2", changes: MicroOptions["model"] = {}): TransformerConfig =>
  ({ ...(family === "llama" ? microLlama : microConfig), ...changes }) as TransformerConfig;

export const microOptimizer: OptimizerConfig = {
  learning_rate: 1e-2, schedule: "cosine", warmup_iters: 5, min_lr: 1e-4, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.1, grad_clip: 1,
};

export const microStage: PretrainStage = {
  kind: "pretrain", name: "micro", data: [], max_iters: 200, batch_size: 2, gradient_accumulation_steps: 1, optimizer: microOptimizer, eval_interval: 0, eval_iters: 2,
};

export interface MicroOptions {
  /** Default: gpt2. */
  readonly family?: FamilyName;
  readonly model?: Partial<Omit<LlamaConfig, "family">>;
  readonly stage?: Partial<PretrainStage>;
  readonly optimizer?: Partial<OptimizerConfig>;
  readonly lora?: LoraMethod;
  /** What a later stage decides. */
  readonly shape?: Partial<Omit<StageShape, "lora">>;
  readonly seed?: number;
  readonly source?: BatchSource;
  readonly compile?: CompileOptions;
  readonly maxBindingBytes?: number;
  readonly quiz?: boolean;
  readonly dtype?: Dtype;
}

export function microPrograms(options: MicroOptions = {}): TrainingPrograms {
  return recordTraining({
    config: microConfigOf(options.family, options.model), lora: options.lora ?? null, optimizer: { ...microOptimizer, ...options.optimizer },
    batchSize: options.stage?.batch_size ?? microStage.batch_size, maxBindingBytes: options.maxBindingBytes ?? 2 ** 27, quiz: options.quiz ?? false,
    ...(options.dtype && { dtype: options.dtype }), ...options.shape,
  });
}

/** A trainer with fresh weights. */
export async function microTrainer(device: Device, options: MicroOptions = {}): Promise<Trainer> {
  const stage: PretrainStage = { ...microStage, ...options.stage, optimizer: { ...microOptimizer, ...options.optimizer } };
  const trainer = await Trainer.create(device, microPrograms(options), stage, options.seed ?? 1, options.source ?? microSource(), options.compile);
  trainer.initialise();
  return trainer;
}

/** Tokens of a made language: documents of 5 to 44 tokens, most tokens follow from the one before, some are noise. */
function stream(length: number, site: string): TokenStream {
  const draws = new Draws(1, "world", { site });
  const tokens = new Uint32Array(length);
  const starts: number[] = [];
  let left = 0;
  for (let i = 0; i < length; i++, left--) {
    if (left === 0) {
      starts.push(i);
      left = 5 + draws.nextInt(40);
    }
    tokens[i] = starts.at(-1) === i ? 0 : draws.nextFloat() < 0.2 ? draws.nextInt(V) : (3 * tokens[i - 1]! + 7) % V;
  }
  return { tokens, documentStarts: Uint32Array.from(starts) };
}

/** About 60 steps of the micro stage see 4,000 tokens once: a step far from a multiple of that is mid-epoch. */
export const microSource = (seed = 1): BatchSource => new TextBatches({ train: stream(4000, "train"), validation: stream(600, "validation"), hash: "micro" }, { seed });

/** The source with a share of its targets masked, ever another from micro-batch to micro-batch: 10 to 90 of a hundred. */
export function unevenMasks(source: BatchSource): BatchSource {
  return {
    trainTokens: source.trainTokens, validationTokens: source.validationTokens, hash: `${source.hash} masked`,
    evaluate: (index, B, T) => source.evaluate(index, B, T),
    fillRow: () => { throw new Error("not mixed"); },
    train: (step, micro, B, T) => {
      const batch = source.train(step, micro, B, T);
      const draws = new Draws(2, "world", { step, micro, site: "mask" });
      const share = 0.1 + 0.8 * draws.nextFloat();
      batch.tokens = 0;
      for (let n = 0; n < B * T; n++) batch.tokens += batch.mask[n] = draws.nextFloat() < share ? 0 : batch.mask[n]!;
      return batch;
    },
  };
}

/** A source that gives the same batch, whatever is asked. */
export const always = (batch: Batch): BatchSource => ({
  train: () => batch, evaluate: () => batch, trainTokens: batch.tokens, validationTokens: batch.tokens, hash: "one batch",
  fillRow: () => { throw new Error("one batch is never mixed"); },
});

/** Weights far from their small beginnings, so that attention is sharp and every gradient is of size: what leaks would show. */
export function roughWeights(programs: TrainingPrograms, scale = 0.3): TrainerState["weights"] {
  return new Map(programs.parameters.specs.map(({ name, shape }) => {
    const draws = new Draws(3, "world", { site: name });
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    const centre = /(ln_\w+|norm)\.weight$/.test(name) ? 1 : 0;
    for (let i = 0; i < data.length; i++) data[i] = centre + scale * draws.normal(i);
    return [name, { shape, data }] as const;
  }));
}

let gpus: Readonly<Record<"software" | "hardware", Promise<Device>>> | undefined;

/** One of each a file, since pipelines are compiled once a device. */
function sharedGpu(kind: "software" | "hardware"): Promise<Device> {
  const open = (softwareAdapter: boolean): Promise<Device> => gpuDevice().then((device) => createWebGpuDevice(device, { softwareAdapter }));
  gpus ??= { software: open(true), hardware: open(false) };
  return gpus[kind];
}

/** With the variants that the engine takes on a software adapter, which is where most tests run: rows without barriers. */
export const webGpu = (): Promise<Device> => sharedGpu("software");

/** With the variants that graphics cards get: rows by workgroup. Slow on a software adapter, so for fewer steps. */
export const webGpuByWorkgroup = (): Promise<Device> => sharedGpu("hardware");

export const wasmCpu = async (): Promise<Device> => createCpuDevice({ wasm: await wasmModule() });

type NamedDevice = readonly [name: string, open: () => Promise<Device>];

/** Both devices, by name. */
export const devices: readonly NamedDevice[] = [
  ["WebGPU", webGpu],
  ["CPU", wasmCpu],
];

type NamedModel = readonly [name: string, open: () => Promise<Device>, family: FamilyName];

const bothFamilies = (list: readonly NamedDevice[]): NamedModel[] => list.flatMap(([name, open]): NamedModel[] => [[name, open, "gpt2"], [`${name}, Llama`, open, "llama"]]);

/** These files run in Chromium too, which has no process, and in Deno, which asks leave to read the environment. */
const atNight = typeof process !== "undefined" && !("Deno" in globalThis) && process.env["NESTLING_NIGHTLY"] !== undefined;

/**
 * For checks of hundreds of steps: both families on the CPU, one on the software adapter, where such a run takes a minute. The other there
 * runs at night (tests/nightly/both-families), and in every check of a few steps by day (`allModels`).
 */
export const models: readonly NamedModel[] = bothFamilies(devices).filter(([, open, family]) => open === wasmCpu || family === "gpt2" || atNight);

/** For checks of a few steps. */
export const allDevices: readonly NamedDevice[] = [...devices, ["WebGPU by workgroup", webGpuByWorkgroup]];
export const allModels: readonly NamedModel[] = bothFamilies(allDevices);

/** SHA-256 of all weights, names and bits. */
export function weightsHash({ weights }: Pick<TrainerState, "weights">): string {
  const hash = sha256Stream();
  for (const [name, { data }] of weights) {
    hash.update(new TextEncoder().encode(name));
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.hex();
}

export const hashOf = async (trainer: Trainer): Promise<string> => weightsHash(await trainer.snapshot(false));

/** Steps, their losses read in batches as the engine reads them. */
export async function losses(trainer: Trainer, steps: number): Promise<number[]> {
  const found: number[] = [];
  for (let done = 0; done < steps; done++) {
    trainer.takeStep();
    if (done % 10 === 9 || done === steps - 1) found.push(...(await trainer.readMetrics()).map(({ loss }) => loss));
  }
  return found;
}

export function relativeL2(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let [error, size] = [0, 0];
  for (let i = 0; i < want.length; i++) {
    error += (got[i]! - want[i]!) ** 2;
    size += want[i]! ** 2;
  }
  return Math.sqrt(error / size);
}

/** How many elements differ in their bits: NaN, -0 and 0 are told apart. */
export function differentBits(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Math.max(a.length, b.length);
  const [x, y] = [a, b].map(({ buffer, byteOffset, length }) => new Uint32Array(buffer, byteOffset, length)) as [Uint32Array, Uint32Array];
  return x.reduce((count, word, i) => count + (word === y[i] ? 0 : 1), 0);
}

/** Every gradient as it stands after a step or a micro-step. */
export async function gradients(trainer: Trainer): Promise<Map<string, Float32Array>> {
  const found = new Map<string, Float32Array>();
  for (const { name, trainable } of trainer.programs.parameters.specs) {
    if (trainable) found.set(name, await trainer.plan.readF32(trainer.programs.parameters.get(name).grad!));
  }
  return found;
}
