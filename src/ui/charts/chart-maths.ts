/** The mathematics of a chart: smoothing, decimation, ticks, joining of series. Pure functions over plain arrays; no drawing. */

/** Columns of points in ascending x; `lo` and `hi` are the range that each point stands for. */
export interface Points {
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  readonly lo: ArrayLike<number>;
  readonly hi: ArrayLike<number>;
  /** How many raw points each point stands for; 0 where none of them was finite, y is NaN then. */
  readonly count: ArrayLike<number>;
}

/**
 * Exponential moving average with bias correction (Kingma and Ba 2015, section 3, the first moment's): m = b m + (1 - b) y,
 * shown as m / (1 - b^n). A point that stands for k raw points weighs b^k, so the line keeps its shape when points are merged.
 * @param beta 0 = no smoothing, below 1
 */
export function smooth(y: ArrayLike<number>, count: ArrayLike<number>, beta: number): Float64Array {
  const out = new Float64Array(y.length);
  let mean = 0;
  let weight = 0;
  for (let i = 0; i < y.length; i++) {
    const keep = beta ** count[i];
    if (Number.isFinite(y[i])) {
      mean = keep * mean + (1 - keep) * y[i];
      weight = keep * weight + (1 - keep);
    }
    out[i] = Number.isFinite(y[i]) ? mean / weight : NaN;
  }
  return out;
}

/**
 * At most `limit` points: runs of neighbours merge into one with the run's last x, its mean (weighted by count) and its full
 * range, so that no spike is lost.
 */
export function decimate(points: Points, limit: number): { x: Float64Array; y: Float64Array; lo: Float64Array; hi: Float64Array; count: Float64Array } {
  const size = points.x.length;
  const stride = Math.max(1, Math.ceil(size / Math.max(1, limit)));
  const length = Math.ceil(size / stride);
  const out = {
    x: new Float64Array(length),
    y: new Float64Array(length),
    lo: new Float64Array(length),
    hi: new Float64Array(length),
    count: new Float64Array(length),
  };
  for (let group = 0; group < length; group++) {
    const end = Math.min(size, (group + 1) * stride);
    let [sum, count, lo, hi] = [0, 0, Infinity, -Infinity];
    for (let i = group * stride; i < end; i++) {
      if (points.count[i] === 0) continue;
      sum += points.y[i] * points.count[i];
      count += points.count[i];
      if (points.lo[i] < lo) lo = points.lo[i];
      if (points.hi[i] > hi) hi = points.hi[i];
    }
    out.x[group] = points.x[end - 1];
    out.y[group] = count === 0 ? NaN : sum / count;
    out.lo[group] = lo;
    out.hi[group] = hi;
    out.count[group] = count;
  }
  return out;
}

/** Round steps 1, 2, 5 times a power of ten; ticks inside [min, max], `most` of them at most. */
export function ticks(min: number, max: number, most: number): number[] {
  if (!(max > min) || most < 1) return Number.isFinite(min) ? [min] : [];
  const rough = (max - min) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough * (1 - 1e-9)) ?? 10 * power;
  const first = Math.ceil(min / step - 1e-9);
  const last = Math.floor(max / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** Ticks of a logarithmic axis: powers of ten, with 2 and 5 between them where the range is below two decades, else plain ticks. */
export function logTicks(min: number, max: number, most: number): number[] {
  if (!(min > 0) || !(max > min)) return ticks(min, max, most);
  const decades = Math.log10(max / min);
  const factors = decades < 2 ? [1, 2, 5] : [1];
  const out: number[] = [];
  for (let power = Math.floor(Math.log10(min)); power <= Math.ceil(Math.log10(max)); power++) {
    for (const factor of factors) {
      const value = Number((factor * 10 ** power).toPrecision(12));
      if (value >= min * (1 - 1e-9) && value <= max * (1 + 1e-9)) out.push(value);
    }
  }
  return out.length >= 2 ? out.slice(0, Math.max(most * 2, 2)) : ticks(min, max, most);
}

export interface Line {
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
}

/** One shared x column, ascending and without repeats, and a y column per line with null where a line has no point. */
export function joinLines(lines: readonly Line[]): { x: number[]; ys: (number | null)[][] } {
  const at = lines.map(() => 0);
  const x: number[] = [];
  const ys: (number | null)[][] = lines.map(() => []);
  for (;;) {
    let next = Infinity;
    for (let i = 0; i < lines.length; i++) if (at[i] < lines[i].x.length && lines[i].x[at[i]] < next) next = lines[i].x[at[i]];
    if (next === Infinity) return { x, ys };
    x.push(next);
    for (let i = 0; i < lines.length; i++) {
      let value: number | null = null;
      // The last of several points at one x is the one that shows.
      while (at[i] < lines[i].x.length && lines[i].x[at[i]] <= next) value = lines[i].y[at[i]++];
      ys[i].push(value !== null && Number.isFinite(value) ? value : null);
    }
  }
}

/** Smallest range that holds all values, padded by a share of itself; never empty. Log ranges pad by a factor. */
export function paddedRange(min: number, max: number, log: boolean, pad = 0.06): [number, number] {
  if (!Number.isFinite(min) || !Number.isFinite(max)) return log ? [0.1, 10] : [0, 1];
  if (log) {
    const factor = Math.max(1.05, (max / Math.max(min, 1e-12)) ** pad);
    return [Math.max(min, 1e-12) / factor, max * factor];
  }
  // A constant's rounding (2^-24 of it in f32) is no course that a picture should show.
  const room = max - min > 1e-6 * Math.abs(max) ? (max - min) * pad : Math.max(Math.abs(max) * 0.1, 1e-6);
  // A quantity that is never negative keeps its axis from going below zero.
  return [min >= 0 ? Math.max(0, min - room) : min - room, max + room];
}

/** From zero where the points begin near it; a later stage alone begins where it begins. */
export function xRange(min: number, max: number): [number, number] {
  if (!(max > 0)) return [0, 1];
  return min > max * 0.25 && max > min ? [min, max] : [0, max];
}

/** The value at an index, or the closest one before it, and where that was: evaluations are rarer than steps. */
export function latest(values: readonly (number | null)[], index: number): { readonly index: number; readonly y: number } | null {
  for (let i = index; i >= 0; i--) {
    const y = values[i];
    if (y !== null && y !== undefined) return { index: i, y };
  }
  return null;
}

/** Whether a column has one number alone. */
export function isLone(values: ArrayLike<number | null | undefined>): boolean {
  let seen = 0;
  for (let i = 0; i < values.length && seen < 2; i++) if (values[i] !== null && values[i] !== undefined) seen++;
  return seen === 1;
}

/**
 * Names beside borders on one line, none over another: right of its border, cut short where the next one stands, the last left of its
 * own where there is more room. A name of which little would be left goes unwritten.
 * @param borders by ascending `at`, in pixels
 */
export function placeLabels(
  borders: readonly { readonly at: number; readonly label: string }[], gap: number, right: number, widthOf: (text: string) => number,
): { readonly text: string; readonly left: number }[] {
  const placed: { text: string; left: number }[] = [];
  let taken = -Infinity;
  for (const [i, { at, label }] of borders.entries()) {
    const width = widthOf(label);
    const end = borders[i + 1]?.at ?? right;
    let left = at + gap;
    let text = label;
    if (left + width > end) {
      if (i === borders.length - 1 && at - gap - width > taken) left = at - gap - width;
      else text = shortened(label, end - left, widthOf);
    }
    if (text === "") continue;
    placed.push({ text, left });
    taken = left + widthOf(text) + gap;
  }
  return placed;
}

/** The longest beginning that fits with an ellipsis; nothing where fewer than three letters would stay. */
function shortened(label: string, width: number, widthOf: (text: string) => number): string {
  for (let length = label.length - 1; length >= 3; length--) {
    const text = `${label.slice(0, length).trimEnd()}…`;
    if (widthOf(text) <= width) return text;
  }
  return "";
}
