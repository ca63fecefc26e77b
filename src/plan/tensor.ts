/** Tensors as the recorder sees them: a named view of a storage that has no memory yet. Not data. */
import type { HalfType } from "../core/half.ts";
import { alignUp } from "../device/launch.ts";
import type { ElementType } from "../device/types.ts";
import type { Dtype } from "../protocol/recipe.ts";

/** What memory is for; the memory report adds up by it. */
export type StorageRole = "parameters" | "gradients" | "optimizer" | "inputs" | "outputs" | "kv-cache" | "activations";

/** A piece of memory with one lifetime: the whole plan, or (role "activations") part of one program. */
export interface Storage {
  readonly label: string;
  readonly role: StorageRole;
  readonly sizeBytes: number;
  /** A table: written once, as soon as a plan has memory for it. */
  readonly contents?: () => Float32Array;
}

export interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: ElementType;
  readonly storage: Storage;
  readonly offsetBytes: number;
  /** Something trainable lies upstream, so backward must pass through here. */
  readonly requiresGrad: boolean;
  /** Where a parameter's gradient accumulates; absent = frozen, or not a parameter. */
  readonly grad?: Tensor;
  /** A parameter rounded to halves, as products read it in mixed storage; written anew before every step. Absent = full precision. */
  readonly shadow?: Tensor;
}

export const elements = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

const BYTES: Readonly<Record<ElementType, number>> = { f32: 4, u32: 4, bf16: 2, f16: 2 };

/** How activations that wait for the backward, and the weights' shadow, are stored. */
export const STORED_AS: Readonly<Record<Dtype, "f32" | HalfType>> = { float32: "f32", bfloat16: "bf16", float16: "f16" };

export const sizeOf = (tensor: Tensor): number => elements(tensor.shape) * BYTES[tensor.type];

export function newStorage(label: string, role: StorageRole, count: number, type: ElementType = "f32"): Storage {
  return { label, role, sizeBytes: alignUp(Math.max(1, count) * BYTES[type]) };
}

/** A tensor that fills a storage of its own. */
export function newTensor(name: string, shape: readonly number[], role: StorageRole, type: ElementType = "f32", requiresGrad = false): Tensor {
  return { name, shape, type, storage: newStorage(name, role, elements(shape), type), offsetBytes: 0, requiresGrad };
}

/** A computed table that no launch writes, such as rotary angles: never trained, never saved. */
export function newTable(name: string, shape: readonly number[], contents: () => Float32Array): Tensor {
  return { name, shape, type: "f32", storage: { ...newStorage(name, "inputs", elements(shape)), contents }, offsetBytes: 0, requiresGrad: false };
}

/** Rows [from, from + count) of a tensor (N, ...), sharing its memory. `from` must land on a 256-byte step. */
export function rowsOf(tensor: Tensor, from: number, count: number): Tensor {
  const rowBytes = sizeOf(tensor) / tensor.shape[0]!;
  return { ...tensor, name: `${tensor.name}[${from}:${from + count}]`, shape: [count, ...tensor.shape.slice(1)], offsetBytes: tensor.offsetBytes + from * rowBytes };
}
