/** Watches a GPUDevice's buffers: what was created and not yet destroyed, and a creation that fails on demand. */

export interface BufferFault {
  /** The creation that fails, counted from 0 since the fault was set. */
  readonly at: number;
  /** "throw": createBuffer throws. "error": it gives an invalid buffer and raises a device error, as WebGPU does when memory is out. */
  readonly kind: "throw" | "error";
}

export class TrackedBuffers {
  readonly alive = new Map<GPUBuffer, { label: string; size: number; usage: number }>();
  created = 0;
  #fault: BufferFault | null = null;
  #since = 0;

  constructor(gpu: GPUDevice) {
    const create = gpu.createBuffer.bind(gpu);
    gpu.createBuffer = (descriptor) => {
      const { label = "", size, usage } = descriptor;
      const fails = this.#fault?.at === this.#since++;
      if (fails && this.#fault!.kind === "throw") throw new RangeError("createBuffer failed, size is too large for the implementation");
      // More than any limit: the buffer is invalid and the open error scope, if there is one, hears of it.
      const buffer = create(fails ? { ...descriptor, size: 2 ** 50, mappedAtCreation: false } : descriptor);
      this.created++;
      this.alive.set(buffer, { label, size, usage });
      const destroy = buffer.destroy.bind(buffer);
      buffer.destroy = () => {
        this.alive.delete(buffer);
        return destroy();
      };
      return buffer;
    };
  }

  set fault(fault: BufferFault | null) {
    this.#fault = fault;
    this.#since = 0;
  }

  /** Creations since the fault was set or cleared. */
  get since(): number {
    return this.#since;
  }

  bytes(usage: number): number {
    return [...this.alive.values()].filter((buffer) => (buffer.usage & usage) !== 0).reduce((sum, { size }) => sum + size, 0);
  }
}
