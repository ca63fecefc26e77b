/**
 * From recordings to something that runs: choose variants, plan memory, refuse or allocate, bind. Afterwards a step allocates
 * nothing, builds no bind group and compiles nothing.
 */
import type { MemoryReport } from "../protocol/messages.ts";
import { NestlingError } from "../core/errors.ts";
import type { Command, Device, Heap, Launch, Program, View } from "../device/types.ts";
import { planMemory, refuseIfTooLarge, type MemoryPlan } from "./memory.ts";
import type { Recording } from "./recorder.ts";
import { sizeOf, type Storage, type Tensor } from "./tensor.ts";
import { chooseVariant, ownKey, type VariantChoices } from "./variants.ts";

export type { VariantChoices };

export interface CompileOptions {
  /** Storages that must exist although no launch names them. */
  readonly held?: readonly Storage[];
  /** Overrides of the default choice, by kernel. */
  readonly choices?: VariantChoices;
  readonly budgetBytes?: number;
  /** Tests: fill every activation with this word before the launch that first writes it. */
  readonly poison?: number;
}

export class Plan {
  constructor(
    readonly device: Device,
    readonly memory: MemoryPlan,
    readonly choices: VariantChoices,
    readonly heap: Heap,
    readonly programs: ReadonlyMap<string, Program>,
    readonly poison: number | undefined,
  ) {}

  view(tensor: Tensor): View {
    return viewIn(this.memory, this.heap, tensor);
  }

  /** Commands that run a program; in poison mode each newborn activation is filled first. */
  run(name: string): Command[] {
    const program = this.programs.get(name);
    if (!program) throw new NestlingError("PLAN", `There is no program "${name}" in this plan; there are ${[...this.programs.keys()].join(", ")}.`);
    const births = this.memory.births.get(name);
    if (this.poison === undefined || !births) return [{ kind: "run", program }];
    return program.launches.flatMap((_, first): Command[] => [
      ...(births.get(first) ?? []).map((storage): Command => ({
        kind: "fill",
        view: { buffer: this.heap.buffers[this.memory.bufferOf.get(storage)!]!, offsetBytes: 0, sizeBytes: storage.sizeBytes },
        value: this.poison!,
      })),
      { kind: "run", program, first, count: 1 },
    ]);
  }

  async readF32(tensor: Tensor): Promise<Float32Array> {
    return new Float32Array(await this.device.read(this.view(tensor)));
  }

  async readU32(tensor: Tensor): Promise<Uint32Array> {
    return new Uint32Array(await this.device.read(this.view(tensor)));
  }

  write(tensor: Tensor, data: Float32Array | Uint32Array): void {
    if (data.byteLength !== sizeOf(tensor)) {
      throw new NestlingError("PLAN", `${tensor.name} holds ${sizeOf(tensor)} bytes (${tensor.shape.join(" x ")}); ${data.byteLength} were written.`);
    }
    this.device.write(this.view(tensor), data);
  }

  report(): MemoryReport {
    return memoryReport(this.memory);
  }

  destroy(): void {
    for (const program of this.programs.values()) program.destroy();
    this.heap.destroy();
  }
}

function viewIn(memory: MemoryPlan, heap: Heap, tensor: Tensor): View {
  const index = memory.bufferOf.get(tensor.storage);
  if (index === undefined) throw new NestlingError("PLAN", `${tensor.name} has no memory in this plan.`);
  return { buffer: heap.buffers[index]!, offsetBytes: tensor.offsetBytes, sizeBytes: sizeOf(tensor) };
}

/** Bytes by purpose, largest first. */
export function memoryReport(memory: MemoryPlan): MemoryReport {
  const parts = new Map<string, number>();
  for (const { role, sizeBytes } of memory.buffers) parts.set(role, (parts.get(role) ?? 0) + sizeBytes);
  return {
    totalBytes: memory.totalBytes,
    parts: [...parts].map(([name, bytes]) => ({ name, bytes })).sort((a, b) => b.bytes - a.bytes),
    largestBufferBytes: Math.max(0, ...memory.buffers.map((buffer) => buffer.sizeBytes)),
  };
}

/** @throws NestlingError MEM_ESTIMATE before allocation, OUT_OF_MEMORY from it, SHADER_COMPILE, KERNEL_DIMS, KERNEL_BINDING */
export async function compilePlan(device: Device, recordings: readonly Recording[], options: CompileOptions = {}): Promise<Plan> {
  const memory = planMemory(recordings, options.held ?? [], device.limits.unpacksHalves);
  refuseIfTooLarge(memory, device.limits, options.budgetBytes);
  const heap = await device.allocate(memory.buffers);
  const programs = new Map<string, Program>();
  const choices: Record<string, string> = {};
  try {
    for (const [storage, index] of memory.bufferOf) {
      const contents = storage.contents?.();
      if (contents) device.write({ buffer: heap.buffers[index]!, offsetBytes: 0, sizeBytes: contents.byteLength }, contents);
    }
    for (const recording of recordings) {
      const launches = recording.launches.map((recorded): Launch => {
        const variant = chooseVariant(device, recorded, options.choices ?? {});
        const { name } = recorded.kernel.variants[variant]!;
        if ((choices[recorded.kernel.name] ??= name) !== name) choices[ownKey(recorded)] = name;
        return { ...recorded, variant, views: recorded.tensors.map((tensor) => viewIn(memory, heap, tensor)) };
      });
      programs.set(recording.name, await device.prepare(recording.name, launches));
    }
  } catch (error) {
    for (const program of programs.values()) program.destroy();
    heap.destroy();
    throw error;
  }
  return new Plan(device, memory, choices, heap, programs, options.poison);
}
