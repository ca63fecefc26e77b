/** Two timestamps around a submit, for devices that have them. Chrome rounds them to 0.1 ms, and they may run backwards: the caller judges. */

/** Holds the query set and its two buffers for one use after another. */
export class Timestamps {
  readonly #set: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #staging: GPUBuffer;

  constructor(gpu: GPUDevice) {
    this.#set = gpu.createQuerySet({ label: "timestamps", type: "timestamp", count: 2 });
    this.#resolved = gpu.createBuffer({ label: "timestamps", size: 16, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
    this.#staging = gpu.createBuffer({ label: "timestamps read", size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  }

  /** For the pass that begins what is timed, the one that ends it, or the only one. */
  writes(first: boolean, last: boolean): GPUComputePassTimestampWrites | undefined {
    if (!first && !last) return undefined;
    return { querySet: this.#set, ...(first ? { beginningOfPassWriteIndex: 0 } : {}), ...(last ? { endOfPassWriteIndex: 1 } : {}) };
  }

  resolve(encoder: GPUCommandEncoder): void {
    encoder.resolveQuerySet(this.#set, 0, 2, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, this.#staging, 0, 16);
  }

  /** Milliseconds between the two, once the submit has finished. */
  async read(): Promise<number> {
    await this.#staging.mapAsync(GPUMapMode.READ);
    const [begin, end] = new BigInt64Array(this.#staging.getMappedRange().slice(0));
    this.#staging.unmap();
    return Number(end! - begin!) / 1e6;
  }

  destroy(): void {
    this.#set.destroy();
    this.#resolved.destroy();
    this.#staging.destroy();
  }
}
