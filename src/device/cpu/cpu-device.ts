/**
 * The CPU device: every launch is its contract's WebAssembly export where there is one, else its textbook function. All buffers of a heap
 * live in one WebAssembly.Memory: of fixed size, or shared with helper threads, so no view is ever detached. Submits run to their end.
 */
import { NestlingError } from "../../core/errors.ts";
import { HALVES, type HalfType } from "../../core/half.ts";
import { accessOf, alignUp, checkLaunch, dimsOf, elementTypeOf, isHalf, unpackedBytes } from "../launch.ts";
import type { BufferRequest, Command, Device, DeviceBuffer, Heap, Launch, Program, View } from "../types.ts";
import type { Arithmetic } from "./arithmetic.ts";
import { instantiate, SCRATCH_BYTES } from "./thread.ts";
import type { ThreadPool } from "./thread-pool.ts";

export type { Arithmetic } from "./arithmetic.ts";

const PAGE_BYTES = 65_536;
const MAX_PAGES = 65_536;
/** A launch that takes less than about this, by the kernel's own cost, is not split: waking others would take longer. */
const SPLIT_FROM_MS = 0.05;
/** What one thread does in a millisecond, at the least. */
const FLOPS_PER_MS = 8e6;
const BYTES_PER_MS = 8e6;
/** Numbers to convert from which it is worth sharing. */
const CONVERT_SPLIT = 1 << 17;

export interface CpuDevice extends Device {
  /** Slowest first. */
  readonly offered: readonly Arithmetic[];
  /** Of memory allocated from now on, and of all launches in it. */
  arithmetic: Arithmetic;
  /** That share the work of large launches, at this time. */
  readonly threads: number;
}

export interface CpuDeviceOptions {
  /** The compiled kernels; absent = textbook functions only. */
  readonly wasm?: WebAssembly.Module;
  /** The same with relaxed SIMD; taken where it is given, until `arithmetic` says otherwise. */
  readonly relaxed?: WebAssembly.Module;
  /** Helper threads and the memory shared with them; absent = one thread. The device ends them with itself. */
  readonly pool?: ThreadPool;
  /** Tests: fill new buffers with this word instead of zeros. */
  readonly poison?: number;
  /** Tests: split launches that take this many milliseconds. */
  readonly splitFromMs?: number;
}

/** How the kernels of a heap are run. Heaps with the same one may meet in a launch. */
interface Runner {
  /** The launch's call, or null where there is no such export. */
  bind(name: string, args: readonly number[], split: boolean): (() => void) | null;
}

class CpuBuffer implements DeviceBuffer {
  constructor(
    readonly label: string,
    readonly sizeBytes: number,
    readonly memory: ArrayBufferLike,
    readonly address: number,
    readonly runner: Runner | null,
    /** Where its heap has room to unpack halves. */
    readonly room: { readonly address: number; readonly sizeBytes: number } | null,
  ) {}
}

class CpuProgram implements Program {
  constructor(
    readonly label: string,
    readonly launches: readonly Launch[],
    readonly steps: readonly (() => void)[],
  ) {}

  destroy(): void {}
}

function bytesOf(view: View): Uint8Array {
  const buffer = view.buffer as CpuBuffer;
  return new Uint8Array(buffer.memory, buffer.address + view.offsetBytes, view.sizeBytes);
}

function wordsOf(view: View): Uint32Array {
  const buffer = view.buffer as CpuBuffer;
  return new Uint32Array(buffer.memory, buffer.address + view.offsetBytes, view.sizeBytes / 4);
}

function bindStep(launch: Launch, splitFromMs: number): () => void {
  const { kernel, views } = launch;
  const buffers = views.map((view) => view.buffer as CpuBuffer);
  const { runner } = buffers[0]!;
  if (kernel.wasm && runner) {
    const { flops, bytes } = kernel.cost(dimsOf(launch));
    const { wasm } = kernel;
    const bind = (args: readonly number[]): (() => void) => {
      const run = runner.bind(wasm, args, flops / FLOPS_PER_MS + bytes / BYTES_PER_MS >= splitFromMs);
      if (!run) throw new NestlingError("PLAN", `${launch.label}: the WebAssembly module has no export "${wasm}". Rebuild it with npm run build:wasm.`);
      return run;
    };
    if (buffers.some((buffer) => buffer.runner !== runner)) {
      throw new NestlingError("KERNEL_BINDING", `${launch.label}: its buffers come from two heaps; on the CPU a launch stays within one.`);
    }
    return unpacking(launch, runner, (addresses) => bind([...addresses, ...launch.dims]));
  }
  const before: (() => void)[] = [];
  const after: (() => void)[] = [];
  const bound = Object.fromEntries(
    Object.entries(kernel.bindings).map(([name, spec], i) => {
      const words = wordsOf(views[i]!);
      const type = elementTypeOf(spec);
      if (type === "u32") return [name, words];
      if (type === "f32") return [name, new Float32Array(words.buffer, words.byteOffset, words.length)];
      const packed = new Uint16Array(words.buffer, words.byteOffset, 2 * words.length);
      const floats = new Float32Array(packed.length);
      if (accessOf(spec) === "read") before.push(() => floats.set(HALVES[type].decode(packed)));
      else after.push(() => packed.set(HALVES[type].encode(floats)));
      return [name, floats];
    }),
  );
  const dims = dimsOf(launch);
  if (before.length + after.length === 0) return () => kernel.meaning(bound, dims);
  return () => {
    for (const unpack of before) unpack();
    kernel.meaning(bound, dims);
    for (const pack of after) pack();
  };
}

/** The exports that convert. */
const CONVERT: Readonly<Record<HalfType, { readonly unpack: string; readonly pack: string }>> = { bf16: { unpack: "unpackBf16", pack: "packBf16" }, f16: { unpack: "unpackF16", pack: "packF16" } };

/** A launch of an export that knows f32 only: halves are unpacked into the heap's room before it, and packed out of it after. */
function unpacking({ label, kernel, views }: Launch, runner: Runner, bind: (addresses: readonly number[]) => () => void): () => void {
  const specs = Object.values(kernel.bindings);
  const room = (views[0]!.buffer as CpuBuffer).room;
  const needed = unpackedBytes(kernel, views.map(({ sizeBytes }) => sizeBytes));
  if (needed > (room?.sizeBytes ?? 0)) throw new NestlingError("PLAN", `${label}: its halves take ${needed} bytes unpacked; the heap has room for ${room?.sizeBytes ?? 0}.`);
  let free = room?.address ?? 0;
  const before: (() => void)[] = [];
  const after: (() => void)[] = [];
  const addresses = views.map((view, i) => {
    const address = (view.buffer as CpuBuffer).address + view.offsetBytes;
    const type = elementTypeOf(specs[i]!);
    if (kernel.wasmPacked || !isHalf(type)) return address;
    const at = free;
    free += alignUp(2 * view.sizeBytes);
    const count = view.sizeBytes / 2;
    if (accessOf(specs[i]!) === "read") before.push(runner.bind(CONVERT[type].unpack, [address, at, count], count >= CONVERT_SPLIT)!);
    else after.push(runner.bind(CONVERT[type].pack, [at, address, count], count >= CONVERT_SPLIT)!);
    return at;
  });
  const run = bind(addresses);
  if (needed === 0) return run;
  return () => {
    for (const unpack of before) unpack();
    run();
    for (const pack of after) pack();
  };
}

function aloneIn(module: WebAssembly.Module, memory: WebAssembly.Memory): Runner {
  const { exports } = instantiate(module, memory, 0);
  return {
    bind(name, args) {
      const run = exports[name] as ((...args: number[]) => void) | undefined;
      return run ? () => run(...args, 0, 1) : null;
    },
  };
}

function sharedBy(pool: ThreadPool, arithmetic: Arithmetic): Runner {
  const build = pool.builds[arithmetic]!;
  return {
    bind(name, args, split) {
      const run = build.exports[name] as ((...args: number[]) => void) | undefined;
      if (!run) return null;
      return split ? () => pool.run(build, name, args) : () => run(...args, 0, 1);
    },
  };
}

export function createCpuDevice(options: CpuDeviceOptions = {}): CpuDevice {
  const maxTotalBytes = MAX_PAGES * PAGE_BYTES - SCRATCH_BYTES;
  const limits = { maxBufferBytes: maxTotalBytes, maxBindingBytes: maxTotalBytes, maxTotalBytes, unpacksHalves: true };
  const { pool, splitFromMs = SPLIT_FROM_MS } = options;
  const runners = pool && { plain: sharedBy(pool, "plain"), ...(pool.builds.relaxed ? { relaxed: sharedBy(pool, "relaxed") } : {}) };

  /** Side by side from `from` on. */
  function place(requests: readonly BufferRequest[], memory: WebAssembly.Memory, from: number, runner: Runner | null): CpuBuffer[] {
    const sizes = requests.map(({ sizeBytes }) => alignUp(sizeBytes));
    let address = from;
    const addresses = sizes.map((size) => (address += size) - size);
    const at = requests.findIndex(({ unpacked }) => unpacked);
    const room = at < 0 ? null : { address: addresses[at]!, sizeBytes: sizes[at]! };
    return requests.map(({ label }, i) => new CpuBuffer(label, sizes[i]!, memory.buffer, addresses[i]!, runner, room));
  }

  function allocate(requests: readonly BufferRequest[]): Heap {
    const sizes = requests.map((request) => alignUp(request.sizeBytes));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const pages = Math.ceil((SCRATCH_BYTES + total) / PAGE_BYTES);
    const refuse = (): NestlingError =>
      new NestlingError("OUT_OF_MEMORY", `${total} bytes asked for; this browser gives the CPU backend at most ${maxTotalBytes} or had less free. Use a smaller model, batch or context.`, { asked: total, allowed: maxTotalBytes });
    if (pages > MAX_PAGES) throw refuse();
    const sharedAt = pool?.arena.take(total) ?? null;
    if (pool && sharedAt !== null) {
      const { arena } = pool;
      let held = true;
      new Uint32Array(arena.memory.buffer, sharedAt, total / 4).fill(options.poison ?? 0);
      const destroy = (): void => {
        if (held) arena.give(sharedAt, total);
        held = false;
      };
      return { buffers: place(requests, arena.memory, sharedAt, runners![device.arithmetic]!), sizeBytes: total, destroy };
    }
    // Without threads, or with no room left in their memory: in one of its own, for this thread alone.
    let memory: WebAssembly.Memory;
    try {
      memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    } catch {
      throw refuse();
    }
    const module = device.arithmetic === "relaxed" ? options.relaxed : options.wasm;
    const buffers = place(requests, memory, SCRATCH_BYTES, module ? aloneIn(module, memory) : null);
    if (options.poison !== undefined) new Uint32Array(memory.buffer, SCRATCH_BYTES, total / 4).fill(options.poison);
    // The memory goes when nothing refers to it any more; there is nothing to free by hand.
    return { buffers, sizeBytes: total, destroy: () => {} };
  }

  function submit(commands: readonly Command[]): void {
    for (const command of commands) {
      if (command.kind === "run") {
        const { steps } = command.program as CpuProgram;
        const first = command.first ?? 0;
        const end = first + (command.count ?? steps.length - first);
        for (let i = first; i < end; i++) steps[i]!();
      } else if (command.kind === "copy") {
        bytesOf(command.to).set(bytesOf(command.from));
      } else {
        wordsOf(command.view).fill(command.value);
      }
    }
  }

  const device: CpuDevice = {
    kind: "cpu",
    offered: options.relaxed ? ["plain", "relaxed"] : ["plain"],
    arithmetic: options.relaxed ? "relaxed" : "plain",
    limits,
    barriersAreDear: true,
    features: new Set([...(options.wasm ? ["wasm-simd"] : []), ...(options.relaxed ? ["wasm-relaxed-simd"] : [])]),
    allocate: async (requests) => allocate(requests),
    write: (view, data) => bytesOf(view).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
    read: async (view) => new Uint8Array(bytesOf(view)).buffer,
    prepare: async (label, launches) => {
      for (const launch of launches) checkLaunch(launch, limits.maxBindingBytes);
      return new CpuProgram(label, launches, launches.map((launch) => bindStep(launch, splitFromMs)));
    },
    submit,
    finished: async () => {},
    takeError: () => null,
    get threads() {
      return pool?.threads ?? 1;
    },
    destroy: () => pool?.destroy(),
  };
  return device;
}
