/**
 * Heaps side by side in one shared memory that grows: what a freed heap held goes to the next. One memory, since engines count shared
 * memory nowhere when they collect garbage: one for each heap would pile up. It clears nothing.
 */

const PAGE_BYTES = 65_536;
/** Ranges begin at its multiples. */
const GRAIN_BYTES = 4096;

interface Range {
  from: number;
  end: number;
}

/** In whole grains. One at least: a range of nothing could lie inside another. */
const whole = (sizeBytes: number): number => Math.max(1, Math.ceil(sizeBytes / GRAIN_BYTES)) * GRAIN_BYTES;

export class Arena {
  /** Ascending, none touching the next. */
  #free: Range[];

  /** @param base bytes at the memory's foot that are not the arena's; @param maxPages what the memory may grow to */
  constructor(
    readonly memory: WebAssembly.Memory,
    base: number,
    private readonly maxPages: number,
  ) {
    this.#free = [{ from: base, end: memory.buffer.byteLength }];
  }

  get freeBytes(): number {
    return this.#free.reduce((sum, { from, end }) => sum + end - from, 0);
  }

  /** The address of so many bytes, whatever they hold; null where there is no room and the memory cannot grow to it. */
  take(sizeBytes: number): number | null {
    const size = whole(sizeBytes);
    let index = this.#free.findIndex(({ from, end }) => end - from >= size);
    if (index < 0) {
      if (!this.#grow(size)) return null;
      index = this.#free.length - 1;
    }
    const range = this.#free[index]!;
    const at = range.from;
    range.from += size;
    if (range.from === range.end) this.#free.splice(index, 1);
    return at;
  }

  /** Takes back what `take` gave, once. */
  give(at: number, sizeBytes: number): void {
    const end = at + whole(sizeBytes);
    const index = this.#free.findIndex(({ from }) => from >= end);
    const place = index < 0 ? this.#free.length : index;
    const [before, after] = [this.#free[place - 1], this.#free[place]];
    const joined: Range = { from: before?.end === at ? before.from : at, end: after?.from === end ? after.end : end };
    const first = before?.end === at ? place - 1 : place;
    const last = after?.from === end ? place : place - 1;
    this.#free.splice(first, last - first + 1, joined);
  }

  #grow(size: number): boolean {
    const end = this.memory.buffer.byteLength;
    const tail = this.#free.at(-1)?.end === end ? this.#free.at(-1)! : null;
    const pages = Math.ceil((size - (tail ? tail.end - tail.from : 0)) / PAGE_BYTES);
    if (end / PAGE_BYTES + pages > this.maxPages) return false;
    try {
      this.memory.grow(pages);
    } catch {
      return false;
    }
    if (tail) tail.end = end + pages * PAGE_BYTES;
    else this.#free.push({ from: end, end: end + pages * PAGE_BYTES });
    return true;
  }
}
