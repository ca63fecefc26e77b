/** Test data: the value classes and shapes of promise 1, drawn from the project's own generator so that a failure repeats. */
import { Draws } from "../../src/core/random.ts";

export const VALUE_CLASSES = ["normal", "small", "large", "sparse", "constant", "one-signed", "repeated"] as const;
export type ValueClass = (typeof VALUE_CLASSES)[number];

/** Sums of products of these grow like sqrt(K), so the tighter bound of promise 1 holds. */
export const isZeroMean = (valueClass: ValueClass): boolean => ["normal", "small", "large", "sparse"].includes(valueClass);

/** Lengths on both sides of every tile, vector and workgroup edge. */
export const EDGE_LENGTHS = [1, 2, 3, 4, 5, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 1000, 1025] as const;

const REPEAT = 7; // coprime to every tile size
const SPARSE_SHARE = 0.1;

const pools = new Map<string, Float32Array>();

/** `length` values of a class, rounded to f32: what device and judge both get. A longer call begins with a shorter one's values. */
export function values(valueClass: ValueClass, length: number, seed = 1): Float32Array {
  const key = `${valueClass} ${seed}`;
  let pool = pools.get(key);
  if (!pool || pool.length < length) pools.set(key, (pool = draw(valueClass, Math.max(length, 2 * (pool?.length ?? 0)), seed)));
  return pool.slice(0, length);
}

function draw(valueClass: ValueClass, length: number, seed: number): Float32Array {
  const draws = new Draws(seed, "world", { site: valueClass });
  switch (valueClass) {
    case "normal":
      return Float32Array.from({ length }, (_, i) => draws.normal(i));
    case "small":
      return Float32Array.from({ length }, (_, i) => 1e-4 * draws.normal(i));
    case "large":
      return Float32Array.from({ length }, (_, i) => 1e4 * draws.normal(i));
    case "sparse":
      return Float32Array.from({ length }, (_, i) => (draws.float(2 * i) < SPARSE_SHARE ? draws.normal(2 * i + 1) : 0));
    case "constant":
      return new Float32Array(length).fill(0.1 + draws.float(0));
    case "one-signed":
      return Float32Array.from({ length }, (_, i) => 0.5 + draws.float(i));
    case "repeated": {
      const period = Array.from({ length: REPEAT }, (_, i) => draws.normal(i));
      return Float32Array.from({ length }, (_, i) => period[i % REPEAT]!);
    }
  }
}

/** `length` integers in [0, below). */
export function integers(length: number, below: number, seed = 1): Uint32Array {
  const draws = new Draws(seed, "world", { site: "integers" });
  return Uint32Array.from({ length }, (_, i) => Math.floor(draws.float(i) * below));
}

/** At most `most` indices of [0, length): the first and last 64, where edges go wrong, and draws between them. */
export function sampleIndices(length: number, most = 4096, seed = 1): Iterable<number> {
  if (length <= most) return Array.from({ length }, (_, i) => i);
  const draws = new Draws(seed, "world", { site: "sample" });
  const chosen = new Set<number>();
  for (let i = 0; i < 64; i++) {
    chosen.add(i);
    chosen.add(length - 1 - i);
  }
  for (let i = 0; chosen.size < most; i++) chosen.add(Math.floor(draws.float(i) * length));
  return chosen;
}
