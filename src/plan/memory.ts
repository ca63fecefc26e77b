/**
 * The memory plan, from recordings alone: every storage that lives as long as the plan gets its own buffer; activations share
 * slots by lifetime. Pure; the total is known to the byte before anything is allocated.
 *
 * Slots are assigned largest first to the first slot free over the storage's whole life ("greedy by size", Pisarchyk and Lee,
 * "Efficient memory management for deep neural net inference", 2020). A slot is a buffer of its own: WebGPU refuses one
 * buffer bound for reading and writing in one launch, so a storage that dies in a launch never shares with one born there.
 */
import { NestlingError } from "../core/errors.ts";
import { unpackedBytes } from "../device/launch.ts";
import type { BufferRequest, DeviceLimits } from "../device/types.ts";
import type { RecordedLaunch, Recording } from "./recorder.ts";
import { sizeOf, type Storage, type StorageRole } from "./tensor.ts";

export interface MemoryPlan {
  readonly buffers: readonly (BufferRequest & { readonly role: StorageRole })[];
  /** Which buffer a storage lives in; always from its byte 0. */
  readonly bufferOf: ReadonlyMap<Storage, number>;
  /** Storages born at each launch of each program: what poison mode fills anew. */
  readonly births: ReadonlyMap<string, ReadonlyMap<number, readonly Storage[]>>;
  readonly totalBytes: number;
}

interface Life {
  readonly storage: Storage;
  readonly first: number;
  last: number;
}

/** @param unpacksHalves the device's, see `DeviceLimits` */
export function planMemory(recordings: readonly Recording[], held: readonly Storage[], unpacksHalves = false): MemoryPlan {
  const permanent = new Set<Storage>(held);
  const lives = new Map<Storage, Life>();
  const births = new Map<string, Map<number, Storage[]>>();
  let clock = 0;
  for (const recording of recordings) {
    const born = new Map<number, Storage[]>();
    births.set(recording.name, born);
    const inThisProgram = new Set<Storage>();
    recording.launches.forEach((launch, index) => {
      for (const { storage } of launch.tensors) {
        if (storage.role !== "activations") {
          permanent.add(storage);
          continue;
        }
        const life = lives.get(storage);
        if (!life) {
          lives.set(storage, { storage, first: clock, last: clock });
          inThisProgram.add(storage);
          born.set(index, [...(born.get(index) ?? []), storage]);
        } else if (inThisProgram.has(storage)) {
          life.last = clock;
        } else {
          throw new NestlingError("PLAN", `${storage.label} is used by ${recording.name} but belongs to an earlier program; activations do not outlive theirs.`);
        }
      }
      clock++;
    });
  }
  const buffers: (BufferRequest & { role: StorageRole })[] = [];
  const bufferOf = new Map<Storage, number>();
  for (const storage of permanent) {
    bufferOf.set(storage, buffers.length);
    buffers.push({ label: storage.label, sizeBytes: storage.sizeBytes, role: storage.role });
  }
  const slots: { index: number; tenants: Life[] }[] = [];
  const bySize = [...lives.values()].sort((a, b) => b.storage.sizeBytes - a.storage.sizeBytes || a.first - b.first);
  for (const life of bySize) {
    let slot = slots.find(({ tenants }) => tenants.every((other) => other.last < life.first || life.last < other.first));
    if (!slot) {
      slot = { index: buffers.length, tenants: [] };
      slots.push(slot);
      buffers.push({ label: `slot ${slots.length - 1}`, sizeBytes: life.storage.sizeBytes, role: "activations" });
    }
    slot.tenants.push(life);
    bufferOf.set(life.storage, slot.index);
  }
  const room = unpacksHalves ? roomToUnpack(recordings.flatMap(({ launches }) => launches)) : 0;
  if (room > 0) buffers.push({ label: "halves unpacked", sizeBytes: room, role: "activations", unpacked: true });
  return { buffers, bufferOf, births, totalBytes: buffers.reduce((sum, buffer) => sum + buffer.sizeBytes, 0) };
}

/** Bytes in which any of the launches has room for its halves as f32. */
export const roomToUnpack = (launches: readonly RecordedLaunch[]): number =>
  launches.reduce((most, { kernel, tensors }) => Math.max(most, unpackedBytes(kernel, tensors.map(sizeOf))), 0);

/** In MiB, and from ten of them on in GiB, then in TiB. */
export function megabytes(bytes: number): string {
  const [unit, size] = bytes < 10 * 2 ** 30 ? (["MiB", 2 ** 20] as const) : bytes < 10 * 2 ** 40 ? (["GiB", 2 ** 30] as const) : (["TiB", 2 ** 40] as const);
  return `${(bytes / size).toFixed(bytes < size * 10 ? 1 : 0)} ${unit}`;
}

/** @throws NestlingError MEM_ESTIMATE where even a lower bound of what a plan would need is more than the device gives: for what would take long to record. */
export function refuseLeast(leastBytes: number, limits: DeviceLimits): void {
  if (leastBytes <= limits.maxTotalBytes) return;
  throw new NestlingError("MEM_ESTIMATE", `This model needs at least ${megabytes(leastBytes)}; this device gives ${megabytes(limits.maxTotalBytes)}. Nothing was allocated. ${LOWER}`, { asked: leastBytes, allowed: limits.maxTotalBytes });
}

const LOWER = "Lower batch_size, block_size, n_embd or n_layer.";

/** @throws NestlingError MEM_ESTIMATE, with both numbers, before anything is allocated */
export function refuseIfTooLarge(plan: MemoryPlan, limits: DeviceLimits, budgetBytes = Infinity): void {
  const allowed = Math.min(limits.maxTotalBytes, budgetBytes);
  if (plan.totalBytes > allowed) {
    throw new NestlingError("MEM_ESTIMATE", `This model needs ${megabytes(plan.totalBytes)}; this device gives ${megabytes(allowed)}. Nothing was allocated. ${LOWER}`, { asked: plan.totalBytes, allowed });
  }
  const most = Math.min(limits.maxBufferBytes, limits.maxBindingBytes);
  for (const buffer of plan.buffers) {
    if (buffer.sizeBytes > most) {
      throw new NestlingError("MEM_ESTIMATE", `${buffer.label} needs ${megabytes(buffer.sizeBytes)} in one buffer; this device allows ${megabytes(most)}. Nothing was allocated. Lower batch_size, block_size or n_embd.`, { asked: buffer.sizeBytes, allowed: most });
    }
  }
}
