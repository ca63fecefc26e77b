/** What the comparison asks of a trainer in a browser, this project's own among them; and the numbers that go in. */
import type { KernelCase } from "./cases.ts";
import { gunzip } from "./gunzip.ts";
import { mulberry32, REFERENCE_CONFIGS, referenceBatches, referenceWeights, type ReferenceName } from "../../../src/bench/reference.ts";

/** A training at its next step. */
export interface Training {
  /** One whole step, done when its loss is known and the optimizer's work has finished. Returns the loss (nats a token). */
  step(): Promise<number>;
  close(): void;
}

/** An operation with its inputs on the device. */
export interface Operation {
  /** Runs it `count` times; done when the device is. */
  repeat(count: number): Promise<void>;
  /** The result of one run, rows in the order of `KernelCase`. */
  output(): Promise<Float32Array>;
  close(): void;
}

export interface Contender {
  /** The device in words, where the contender knows. */
  readonly about: string;
  train(name: ReferenceName): Promise<Training>;
  operation(kernel: KernelCase): Promise<Operation>;
}

/** Uniform in [-1, 1). */
export function uniform(count: number, seed: number): Float32Array {
  const draw = mulberry32(seed);
  return Float32Array.from({ length: count }, () => 2 * draw() - 1);
}

/** q, k, v and the gradient of the output, each (B, T, H, D). */
export const attentionInputs = ({ B, T, H, D }: { B: number; T: number; H: number; D: number }): Float32Array[] => [5, 6, 7, 8].map((seed) => uniform(B * T * H * D, seed));

/** Initial weights as matrices that stand on the right: the head (C, V), the others as they are. By parameter name. */
export function rightWeights(name: ReferenceName): Map<string, { shape: number[]; data: Float32Array }> {
  const { n_embd: C, vocab_size: V } = REFERENCE_CONFIGS[name];
  const weights = new Map([...referenceWeights(name)].map(([key, { shape, data }]) => [key.replace(/^transformer\./, ""), { shape: [...shape], data }]));
  const head = weights.get("lm_head.weight")!.data;
  weights.set("lm_head.weight", { shape: [C, V], data: Float32Array.from({ length: C * V }, (_, i) => head[(i % V) * C + Math.floor(i / V)]!) });
  return weights;
}

/** @param baseUrl of the page: a worker lies elsewhere */
export const referenceText = async (baseUrl = location.href): Promise<Uint8Array> => gunzip(await (await fetch(new URL("reference.gz", baseUrl))).blob());

/** Ids and targets (B T) of each step; begins again after `count`. */
export async function trainingData(name: ReferenceName, count: number): Promise<{ ids: Int32Array; targets: Int32Array }[]> {
  return referenceBatches(name, await referenceText(), count).map(({ ids, targets }) => ({ ids: Int32Array.from(ids), targets: Int32Array.from(targets) }));
}

/** Batches that there are; a run takes far fewer. */
export const DATA_STEPS = 64;
