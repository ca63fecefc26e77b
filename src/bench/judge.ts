/**
 * The gate before the stopwatch: what a kernel wrote against its own textbook formula in float64. A result beyond its bound gets no time.
 * Of large products every row and every column is judged where it meets some of the others, of batches the first sequence, the last and one between:
 * those in float64, over the whole of K or T. That all of it was written is seen everywhere.
 */
import { elementTypeOf, isHalf } from "../device/launch.ts";
import type { AnyKernel, DimValues } from "../device/types.ts";
import { outputsOf, type Numbers } from "./inputs.ts";

/** u = 2^-24: half a unit in the last place of f32 at 1. */
const U = 2 ** -24;
/** The half precision of shader-f16 rounds at 2^-11. */
const HALF = 2 ** 13;
/** How far inputs are moved, in their own size, to see how far the formula's outputs move. */
const MOVE = 4 * U;
const DRAWS = 3;
/** A result may lie this many times farther from the judge than the moved inputs took the judge itself. */
const FACTOR = 8;
const SMALLEST_NORMAL = 2 ** -126;
/** Columns that each row of a product is judged in, and rows that each column is, at most; fewer where their sums are long. */
const ENTRIES = 24;
/** Multiply-adds that judging one product may take: about a second. */
const MOST_WORK = 2e8;
/** Sequences of a batch that are judged, and of longer ones. */
const SEQUENCES = 3;
const LONG = 256;

type JudgeArray = Float64Array | Uint32Array;

/** One output: what it must be at some places, and how far off it may be. */
export interface Verdict {
  readonly output: string;
  /** Places in the device's output; null where all are judged, in order. */
  readonly places: Uint32Array | null;
  readonly want: JudgeArray;
  readonly allowed: Float64Array;
  /** Whether the formula writes a place of the whole output, judged or not. */
  readonly writes: (place: number) => boolean;
}

export interface Gate {
  /** Worst error as a share of what is allowed; 1 is the limit. */
  readonly worst: number;
  /** Empty where the result is right; else what is wrong with it. */
  readonly wrong: string;
  readonly judged: number;
}

/** The part of a launch that is judged: its inputs, and where its outputs lie in those of the whole. */
interface Part {
  readonly dims: DimValues;
  readonly inputs: ReadonlyMap<string, Numbers>;
  readonly sizes: ReadonlyMap<string, number>;
  readonly places: ReadonlyMap<string, Uint32Array>;
}

const pick = (from: Numbers, places: Uint32Array): Numbers => {
  const out = from instanceof Uint32Array ? new Uint32Array(places.length) : new Float32Array(places.length);
  for (let i = 0; i < places.length; i++) out[i] = from[places[i]!]!;
  return out;
};

/** [0, length) in an order of its own, always the same, in pieces of at most `size`. */
function dealt(length: number, size: number, seed: number): Uint32Array[] {
  const order = Array.from({ length }, (_, i) => i);
  let state = seed;
  for (let i = length - 1; i > 0; i--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    const j = Math.floor(((state >>> 0) / 2 ** 32) * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return Array.from({ length: Math.ceil(length / size) }, (_, i) => Uint32Array.from(order.slice(i * size, (i + 1) * size)));
}

const grid = (rows: Uint32Array, columns: Uint32Array, stride: number): Uint32Array =>
  Uint32Array.from({ length: rows.length * columns.length }, (_, i) => rows[Math.floor(i / columns.length)]! * stride + columns[i % columns.length]!);

const all = (length: number): Uint32Array => Uint32Array.from({ length }, (_, i) => i);

/** Blocks of a product that together hold every row and every column, over the whole of K; null where a binding has a size that says nothing of its layout. */
function partsOfProduct(kernel: AnyKernel, dims: DimValues, sizes: ReadonlyMap<string, number>): Omit<Part, "inputs">[] | null {
  const form = /^matmul(NN|NT|TN)/.exec(kernel.name)?.[1];
  const { M, N, K } = dims as { M?: number; N?: number; K?: number };
  if (form === undefined || M === undefined || N === undefined || K === undefined) return null;
  const side = Math.max(2, Math.min(ENTRIES, Math.floor(MOST_WORK / (Math.max(M, N) * K * (1 + DRAWS)))));
  const [rows, columns] = [dealt(M, side, 1), dealt(N, side, 2)];
  const blocks = Array.from({ length: Math.max(rows.length, columns.length) }, (_, i) => blockOf(form, [rows[i % rows.length]!, columns[i % columns.length]!], dims, sizes));
  return blocks.every((block) => block !== null) ? blocks : null;
}

function blockOf(form: string, [rows, columns]: readonly [Uint32Array, Uint32Array], dims: DimValues, sizes: ReadonlyMap<string, number>): Omit<Part, "inputs"> | null {
  const { M, N, K } = dims as { M: number; N: number; K: number };
  const places = new Map<string, Uint32Array>();
  for (const [name, size] of sizes) {
    if (name === "a" && size === M * K) places.set(name, form === "TN" ? grid(all(K), rows, M) : grid(rows, all(K), K));
    else if (name === "b" && size === K * N) places.set(name, form === "NT" ? grid(columns, all(K), K) : grid(all(K), columns, N));
    else if (name === "a" || name === "b") return null;
    else if (size === N && M > 1) places.set(name, columns);
    else if (size === M * N) places.set(name, grid(rows, columns, N));
    else return null;
  }
  return { dims: { ...dims, M: rows.length, N: columns.length }, sizes: new Map([...places].map(([name, { length }]) => [name, length])), places };
}

/** Some sequences of a batch, for kernels over (B, T): the first, the last, whose offsets are largest, and where they are short one between. */
function partOfBatch(dims: DimValues, sizes: ReadonlyMap<string, number>): Omit<Part, "inputs"> | null {
  const { B, T } = dims as { B?: number; T?: number };
  if (B === undefined || T === undefined || B < 2 || [...sizes.values()].some((size) => size % (B * T) !== 0)) return null;
  const chosen = B <= SEQUENCES && T <= LONG ? Array.from({ length: B }, (_, b) => b) : T <= LONG ? [0, Math.floor(B / 2), B - 1] : [0, B - 1];
  const places = new Map([...sizes].map(([name, size]) => [name, Uint32Array.from({ length: (size / B) * chosen.length }, (_, i) => chosen[Math.floor(i / (size / B))]! * (size / B) + (i % (size / B)))]));
  return { dims: { ...dims, B: chosen.length }, sizes: new Map([...places].map(([name, { length }]) => [name, length])), places };
}

function partsOf(kernel: AnyKernel, dims: DimValues, inputs: ReadonlyMap<string, Numbers>, sizes: ReadonlyMap<string, number>): Part[] {
  const parts = partsOfProduct(kernel, dims, sizes) ?? [partOfBatch(dims, sizes) ?? { dims, sizes, places: new Map<string, Uint32Array>() }];
  return parts.map((part) => ({ ...part, inputs: new Map([...inputs].map(([name, data]) => [name, part.places.has(name) ? pick(data, part.places.get(name)!) : data])) }));
}

/** The formula on this part, its f32 inputs moved by at most `move` of themselves (in a direction drawn by `draw`). */
function meaningOf(kernel: AnyKernel, part: Part, move: number, draw: number): Map<string, JudgeArray> {
  let state = Math.imul(draw + 1, 0x9e3779b1) | 1;
  const buffers: Record<string, JudgeArray> = {};
  for (const [name, spec] of Object.entries(kernel.bindings)) {
    const given = part.inputs.get(name);
    if (given instanceof Uint32Array) buffers[name] = given.slice();
    else if (given) {
      const moved = Float64Array.from(given);
      if (move > 0) {
        for (let i = 0; i < moved.length; i++) {
          state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
          moved[i] = moved[i]! * (1 + move * (state / 2 ** 31));
        }
      }
      buffers[name] = moved;
    } else buffers[name] = elementTypeOf(spec) === "u32" ? new Uint32Array(part.sizes.get(name)!) : new Float64Array(part.sizes.get(name)!).fill(NaN);
  }
  kernel.meaning(buffers, part.dims);
  return new Map(outputsOf(kernel).map((name) => [name, buffers[name]!]));
}

function ulp(x: number): number {
  const size = Math.abs(x);
  return size < SMALLEST_NORMAL ? 2 ** -149 : 2 ** (Math.floor(Math.log2(size)) - 23);
}

/**
 * How far each value may be off: eight times as far as the formula itself moves (here, and over the whole output in the root mean square)
 * when every input moves by four roundings, plus what a sum of `terms` numbers of one sign loses of itself (promise 1's 2 sqrt(K) u, which
 * no movement of inputs shows), plus four units in the last place.
 */
function allowedOf(want: JudgeArray, moved: readonly JudgeArray[], terms: number): Float64Array {
  const allowed = new Float64Array(want.length);
  let [squares, count] = [0, 0];
  for (const other of moved) {
    for (let i = 0; i < want.length; i++) {
      const distance = Math.abs(other[i]! - want[i]!);
      // What the formula leaves alone: part of an output that another launch writes.
      if (Number.isNaN(distance)) continue;
      count++;
      squares += distance * distance;
      if (distance > allowed[i]!) allowed[i] = distance;
    }
  }
  const typical = Math.sqrt(squares / Math.max(1, count));
  for (let i = 0; i < want.length; i++) allowed[i] = FACTOR * (allowed[i]! + typical) + 2 * Math.sqrt(terms) * U * Math.abs(want[i]!) + 4 * ulp(want[i]!) + SMALLEST_NORMAL;
  return allowed;
}

/** What rounding to halves adds: half a unit in their last place, of bf16 2^-9 and of f16 2^-12 of a number at most, or of f16's least. */
function stored(kernel: AnyKernel, output: string, want: JudgeArray, allowed: Float64Array): Float64Array {
  const type = elementTypeOf(kernel.bindings[output]!);
  if (!isHalf(type)) return allowed;
  return allowed.map((most, i) => most + (type === "bf16" ? 2 ** 15 * ulp(Math.abs(want[i]!) + most) : Math.max(2 ** 12 * ulp(Math.abs(want[i]!) + most), 2 ** -25)));
}

/**
 * What a launch on these inputs must give. Values of "write" bindings that the formula leaves alone are not judged.
 * @param sizes elements of each binding
 */
export function judge(kernel: AnyKernel, dims: DimValues, inputs: ReadonlyMap<string, Numbers>, sizes: ReadonlyMap<string, number>): Verdict[] {
  // No formula here adds up more numbers than its largest dim has.
  const terms = Math.max(...Object.values(dims));
  return partsOf(kernel, dims, inputs, sizes).flatMap((part) => {
    const want = meaningOf(kernel, part, 0, 0);
    const moved = Array.from({ length: DRAWS }, (_, draw) => meaningOf(kernel, part, MOVE, draw));
    // A sequence of a batch is written as every other is, a product everywhere.
    const period = "B" in part.dims && part.places.size > 0 ? part.dims["B"]! : 0;
    return [...want].map(([output, values]): Verdict => ({
      output, want: values, places: part.places.get(output) ?? null,
      writes: period > 0 ? (place) => !Number.isNaN(values[place % (values.length / period)]!) : () => true,
      allowed: values instanceof Uint32Array ? new Float64Array(values.length) : stored(kernel, output, values, allowedOf(values, moved.map((each) => each.get(output)!), terms)),
    }));
  });
}

/** The first place of an output that should have been written and holds no number; -1 where there is none. */
function unwritten({ places, writes }: Verdict, got: Numbers): number {
  return places === null ? -1 : got.findIndex((value, place) => Number.isNaN(value) && writes(place));
}

/** @param half the variant computes in f16, whose roundings are 2^13 times coarser */
export function gate(verdicts: readonly Verdict[], outputs: ReadonlyMap<string, Numbers>, half = false): Gate {
  let worst = 0;
  let judged = 0;
  const seen = new Set<string>();
  for (const verdict of verdicts) {
    const { output, places, want, allowed } = verdict;
    const got = outputs.get(output)!;
    const hole = seen.has(output) ? -1 : unwritten(verdict, got);
    seen.add(output);
    if (hole >= 0) return { worst: NaN, judged, wrong: `${output}[${hole}] was not written, or is no number` };
    for (let i = 0; i < want.length; i++) {
      if (Number.isNaN(want[i]!)) continue;
      const at = places ? places[i]! : i;
      const error = Math.abs(got[at]! - want[i]!);
      const most = (half ? HALF : 1) * allowed[i]!;
      judged++;
      // Written so that NaN is wrong.
      if (!(error <= most)) return { worst: error / most, judged, wrong: `${output}[${at}] is ${got[at]}, the judge says ${want[i]}; ${most.toExponential(1)} off is allowed` };
      if (error > 0) worst = Math.max(worst, error / most);
    }
  }
  return judged > 0 ? { worst, judged, wrong: "" } : { worst: NaN, judged, wrong: "nothing of it could be judged" };
}
