/**
 * The CPU device: every launch is its contract's WebAssembly export where there is one, else its textbook function. All
 * buffers of a heap live in one WebAssembly.Memory of fixed size, so no view is ever detached. Submits run to their end.
 */
import { NestlingError } from "../../core/errors.ts";
import { bf16DecodeInto, bf16EncodeInto } from "../../core/half.ts";
import { accessOf, alignUp, checkLaunch, dimsOf, elementTypeOf, unpackedBytes } from "../launch.ts";
import type { BufferRequest, Command, Device, DeviceBuffer, Heap, Launch, Program, View } from "../types.ts";

/** Bytes at the foot of each memory that belong to the WebAssembly module: its statics and its packing scratch. */
export const WASM_RESERVED_BYTES = 1 << 20;
const PAGE_BYTES = 65_536;
const MAX_PAGES = 65_536;

/** How products are added up: multiplied, rounded, added and rounded; or fused, where the processor can (relaxed SIMD). Their bits differ. */
export type Arithmetic = "plain" | "relaxed";

export interface CpuDevice extends Device {
  /** Slowest first. */
  readonly offered: readonly Arithmetic[];
  /** Of memory allocated from now on, and of all launches in it. */
  arithmetic: Arithmetic;
}

export interface CpuDeviceOptions {
  /** The compiled kernels; absent = textbook functions only. */
  readonly wasm?: WebAssembly.Module;
  /** The same with relaxed SIMD; taken where it is given, until `arithmetic` says otherwise. */
  readonly relaxed?: WebAssembly.Module;
  /** Tests: fill new buffers with this word instead of zeros. */
  readonly poison?: number;
}

class CpuBuffer implements DeviceBuffer {
  constructor(
    readonly label: string,
    readonly sizeBytes: number,
    readonly memory: ArrayBuffer,
    readonly address: number,
    readonly exports: WebAssembly.Exports | null,
    /** Where its heap has room to unpack bf16 operands. */
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

function bindStep(launch: Launch): () => void {
  const { kernel, views } = launch;
  const buffers = views.map((view) => view.buffer as CpuBuffer);
  const exports = buffers[0]!.exports;
  if (kernel.wasm && exports) {
    const run = exports[kernel.wasm] as ((...args: number[]) => void) | undefined;
    if (!run) throw new NestlingError("PLAN", `${launch.label}: the WebAssembly module has no export "${kernel.wasm}". Rebuild it with npm run build:wasm.`);
    if (buffers.some((buffer) => buffer.memory !== buffers[0]!.memory)) {
      throw new NestlingError("KERNEL_BINDING", `${launch.label}: its buffers come from two heaps; on the CPU a launch stays within one.`);
    }
    return unpacking(launch, exports, (addresses) => {
      const args = [...addresses, ...launch.dims];
      return () => run(...args);
    });
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
      if (accessOf(spec) === "read") before.push(() => bf16DecodeInto(packed, floats));
      else after.push(() => bf16EncodeInto(floats, packed));
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

type Convert = (from: number, to: number, count: number) => void;

/** A launch of an export that knows f32 only: bf16 operands are unpacked into the heap's room before it, and packed out of it after. */
function unpacking({ label, kernel, views }: Launch, exports: WebAssembly.Exports, bind: (addresses: readonly number[]) => () => void): () => void {
  const specs = Object.values(kernel.bindings);
  const room = (views[0]!.buffer as CpuBuffer).room;
  const needed = unpackedBytes(kernel, views.map(({ sizeBytes }) => sizeBytes));
  if (needed > (room?.sizeBytes ?? 0)) throw new NestlingError("PLAN", `${label}: its bf16 operands take ${needed} bytes unpacked; the heap has room for ${room?.sizeBytes ?? 0}.`);
  let free = room?.address ?? 0;
  const before: (() => void)[] = [];
  const after: (() => void)[] = [];
  const addresses = views.map((view, i) => {
    const address = (view.buffer as CpuBuffer).address + view.offsetBytes;
    if (kernel.wasmPacked || elementTypeOf(specs[i]!) !== "bf16") return address;
    const at = free;
    free += alignUp(2 * view.sizeBytes);
    const count = view.sizeBytes / 2;
    if (accessOf(specs[i]!) === "read") before.push(() => (exports["unpackBf16"] as Convert)(address, at, count));
    else after.push(() => (exports["packBf16"] as Convert)(at, address, count));
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

export function createCpuDevice(options: CpuDeviceOptions = {}): CpuDevice {
  const maxTotalBytes = MAX_PAGES * PAGE_BYTES - WASM_RESERVED_BYTES;
  const limits = { maxBufferBytes: maxTotalBytes, maxBindingBytes: maxTotalBytes, maxTotalBytes, unpacksBf16: true };

  function allocate(requests: readonly BufferRequest[]): Heap {
    const sizes = requests.map((request) => alignUp(request.sizeBytes));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const pages = Math.ceil((WASM_RESERVED_BYTES + total) / PAGE_BYTES);
    const refuse = (): NestlingError =>
      new NestlingError("OUT_OF_MEMORY", `${total} bytes asked for; this browser gives the CPU backend at most ${maxTotalBytes} or had less free. Use a smaller model, batch or context.`, { asked: total, allowed: maxTotalBytes });
    if (pages > MAX_PAGES) throw refuse();
    let memory: WebAssembly.Memory;
    try {
      memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    } catch {
      throw refuse();
    }
    const abort = (): never => {
      throw new NestlingError("PLAN", "A WebAssembly kernel aborted.");
    };
    const module = device.arithmetic === "relaxed" ? options.relaxed : options.wasm;
    const exports = module ? new WebAssembly.Instance(module, { env: { memory, abort } }).exports : null;
    let address = WASM_RESERVED_BYTES;
    const addresses = sizes.map((size) => (address += size) - size);
    const at = requests.findIndex(({ unpacked }) => unpacked);
    const room = at < 0 ? null : { address: addresses[at]!, sizeBytes: sizes[at]! };
    const buffers = requests.map((request, i) => new CpuBuffer(request.label, sizes[i]!, memory.buffer, addresses[i]!, exports, room));
    if (options.poison !== undefined) new Uint32Array(memory.buffer, WASM_RESERVED_BYTES, total / 4).fill(options.poison);
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
    read: async (view) => bytesOf(view).slice().buffer,
    prepare: async (label, launches) => {
      for (const launch of launches) checkLaunch(launch, limits.maxBindingBytes);
      return new CpuProgram(label, launches, launches.map(bindStep));
    },
    submit,
    finished: async () => {},
    takeError: () => null,
    destroy: () => {},
  };
  return device;
}
