/**
 * One quantity over steps as a min/max pyramid: raw points at the bottom, each level above merges four neighbours and keeps
 * their range, mean and count. A chart reads the level that fits its pixels, so that a million points draw like a thousand
 * and no spike is lost. Not a log: past its capacity, neighbours merge at the bottom too.
 */
import type { Points } from "./chart-maths.ts";

export type XAxis = "step" | "tokens" | "time";

/** What a chart shows of a series: x from and to, and how many points about. */
export interface Window {
  readonly from?: number;
  readonly to?: number;
  readonly limit?: number;
}

/** Every bottom bucket as columns: a point, or the mean of neighbours under the last one's step. */
export interface Recorded {
  readonly step: Float64Array;
  readonly tokens: Float64Array;
  readonly seconds: Float64Array;
  readonly value: Float64Array;
}

/** Buckets at the bottom: 2^18, so that about ten megabytes a quantity are the most. */
export const CAPACITY = 1 << 18;
const FIRST_SIZE = 256;
/** A level merges 2^2 = 4 buckets of the one below. */
const FAN_BITS = 2;
const LIMIT = 4096;

const COLUMNS = ["lo", "hi", "mean", "count"] as const;

class Level {
  lo = new Float64Array(FIRST_SIZE);
  hi = new Float64Array(FIRST_SIZE);
  mean = new Float64Array(FIRST_SIZE);
  count = new Float64Array(FIRST_SIZE);
  used = 0;

  open(): number {
    const at = this.used++;
    if (at === this.lo.length) for (const name of COLUMNS) this[name] = grown(this[name]);
    this.empty(at);
    return at;
  }

  /** A bucket without a finite value: no range, no mean. */
  private empty(at: number): void {
    [this.lo[at], this.hi[at], this.mean[at], this.count[at]] = [Infinity, -Infinity, NaN, 0];
  }

  add(at: number, lo: number, hi: number, mean: number, count: number): void {
    if (count === 0) return;
    const before = this.count[at] === 0 ? 0 : this.mean[at];
    this.lo[at] = Math.min(this.lo[at], lo);
    this.hi[at] = Math.max(this.hi[at], hi);
    this.count[at] += count;
    this.mean[at] = before + ((mean - before) * count) / this.count[at];
  }

  /** Bucket `to` becomes the union of two that stand at it or after it. */
  join(to: number, a: number, b: number): void {
    const [one, two] = [a, b].map((i) => [this.lo[i], this.hi[i], this.mean[i], this.count[i]] as const);
    this.empty(to);
    this.add(to, ...one);
    this.add(to, ...two);
  }
}

export class PyramidSeries {
  private step = new Float64Array(FIRST_SIZE);
  private tokens = new Float64Array(FIRST_SIZE);
  private seconds = new Float64Array(FIRST_SIZE);
  private levels: Level[] = [new Level()];
  /** Raw points a full bottom bucket holds; doubles at each merge. */
  private perBucket = 1;
  /** Raw points in the newest bottom bucket, finite or not. */
  private filled = 0;
  /** Grows whenever points that were recorded already are moved: what was read from `recorded` before is void then. */
  revision = 0;
  last: number | undefined;

  constructor(private readonly capacity = CAPACITY) {}

  /** Raw points a bottom bucket stands for; above 1 each is a mean. */
  get merged(): number {
    return this.perBucket;
  }

  /** Bottom buckets; as many as raw points until the capacity is reached. */
  get length(): number {
    return this.levels[0].used;
  }

  /** The first point's x. */
  first(axis: XAxis): number | undefined {
    return this.length === 0 ? undefined : this.column(axis)[0];
  }

  /** Step of the last point; -1 where there is none. */
  get lastStep(): number {
    return this.length === 0 ? -1 : this.step[this.length - 1];
  }

  /** Where a step stands on an axis; before the first and after the last point, where these stand. */
  xAt(globalStep: number, axis: XAxis): number {
    return this.column(axis)[Math.min(this.length - 1, lowerBound(this.step, this.length, globalStep))];
  }

  /**
   * Adds a point. One that is not finite draws nothing and counts in no mean, but takes its place: quantities that were measured at
   * the same steps merge at the same steps, whatever one of them was.
   * @param value undefined where nothing was measured
   */
  push(globalStep: number, tokens: number, trainMs: number, value: number | undefined): void {
    if (value !== undefined) this.last = value;
    const bottom = this.levels[0];
    let at = bottom.used - 1;
    if (at < 0 || this.filled >= this.perBucket) {
      if (bottom.used === this.capacity) this.merge();
      at = bottom.open();
      this.filled = 0;
      if (at === this.step.length) [this.step, this.tokens, this.seconds] = [grown(this.step), grown(this.tokens), grown(this.seconds)];
    }
    this.step[at] = globalStep;
    this.tokens[at] = tokens;
    this.seconds[at] = trainMs / 1000;
    this.filled++;
    const drawn = value !== undefined && Number.isFinite(value) ? value : NaN;
    const count = Number.isNaN(drawn) ? 0 : 1;
    bottom.add(at, drawn, drawn, drawn, count);
    this.raise(at, drawn, drawn, drawn, count);
  }

  /** Forgets what came after a step, when a run goes back to a checkpoint. A bucket that straddles it goes whole. */
  cutAfter(globalStep: number): void {
    const bottom = this.levels[0];
    const { used } = bottom;
    while (bottom.used > 0 && this.step[bottom.used - 1] > globalStep) bottom.used--;
    if (bottom.used === used) return;
    this.filled = this.perBucket;
    this.revision++;
    const end = bottom.count.subarray(0, bottom.used).findLastIndex((count) => count > 0);
    this.last = end < 0 ? undefined : bottom.mean[end];
    this.rebuild();
  }

  /** The columns that fit a window, one bucket beyond it on each side; copies. */
  points(axis: XAxis, { from = -Infinity, to = Infinity, limit = LIMIT }: Window = {}): Points {
    const x = this.column(axis);
    const first = Math.max(0, lowerBound(x, this.length, from) - 1);
    const end = Math.min(this.length, lowerBound(x, this.length, to) + 2);
    let height = 0;
    while (height + 1 < this.levels.length && (end - first) >> (FAN_BITS * height) > limit) height++;
    const level = this.levels[height];
    const [a, b] = [first >> (FAN_BITS * height), Math.min(level.used, ((end - 1) >> (FAN_BITS * height)) + 1)];
    const out = new Float64Array(Math.max(0, b - a));
    for (let i = 0; i < out.length; i++) out[i] = x[Math.min(this.length, (a + i + 1) << (FAN_BITS * height)) - 1];
    return { x: out, y: level.mean.slice(a, b), lo: level.lo.slice(a, b), hi: level.hi.slice(a, b), count: level.count.slice(a, b) };
  }

  /** All that is held, as views: what is pushed later may move them. */
  recorded(): Recorded {
    const { length } = this;
    return { step: this.step.subarray(0, length), tokens: this.tokens.subarray(0, length), seconds: this.seconds.subarray(0, length), value: this.levels[0].mean.subarray(0, length) };
  }

  private column(axis: XAxis): Float64Array {
    return { step: this.step, tokens: this.tokens, time: this.seconds }[axis];
  }

  private raise(at: number, lo: number, hi: number, mean: number, count: number): void {
    for (let height = 1; ; height++) {
      const parent = at >> (FAN_BITS * height);
      if (height === this.levels.length) {
        // A level is worth having once the one below has more than one bucket's worth.
        if (this.levels[height - 1].used <= 1 << FAN_BITS) return;
        this.levels.push(new Level());
        this.fill(height);
        return;
      }
      const level = this.levels[height];
      if (parent >= level.used) level.open();
      level.add(parent, lo, hi, mean, count);
    }
  }

  /** Makes a level anew from the one below, which holds everything already. */
  private fill(height: number): void {
    const [below, level] = [this.levels[height - 1], this.levels[height]];
    level.used = 0;
    for (let i = 0; i < below.used; i++) {
      if (i >> FAN_BITS >= level.used) level.open();
      level.add(i >> FAN_BITS, below.lo[i], below.hi[i], below.mean[i], below.count[i]);
    }
  }

  private rebuild(): void {
    for (let height = 1; height < this.levels.length; height++) this.fill(height);
  }

  private merge(): void {
    const bottom = this.levels[0];
    const half = bottom.used >> 1;
    for (let to = 0; to < half; to++) {
      const [a, b] = [2 * to, 2 * to + 1];
      bottom.join(to, a, b);
      for (const column of [this.step, this.tokens, this.seconds]) column[to] = column[b];
    }
    bottom.used = half;
    this.perBucket *= 2;
    this.revision++;
    this.rebuild();
  }
}

function grown(column: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const next = new Float64Array(2 * column.length);
  next.set(column);
  return next;
}

/** How many of the ascending values are below `value`. */
function lowerBound(values: Float64Array, length: number, value: number): number {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
