/** Golden tensors of tests/fixtures as typed arrays. A reader for files this repository made, not for files from outside. */
import { readFileSync } from "node:fs";

export interface FixtureTensor {
  readonly shape: readonly number[];
  readonly data: Float64Array | Uint32Array;
}

interface Entry {
  readonly dtype: string;
  readonly shape: number[];
  readonly data_offsets: [number, number];
}

/** Every tensor of `tests/fixtures/<name>`: floats as f64, int32 as u32 (ids are never negative). */
export function readFixture(name: string): ReadonlyMap<string, FixtureTensor> {
  const bytes = readFileSync(new URL(`../fixtures/${name}`, import.meta.url));
  const headerBytes = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, 8 + headerBytes)) as Record<string, Entry>;
  const tensors = new Map<string, FixtureTensor>();
  delete header["__metadata__"];
  for (const [key, { dtype, shape, data_offsets: [from, to] }] of Object.entries(header)) {
    const part = bytes.buffer.slice(bytes.byteOffset + 8 + headerBytes + from, bytes.byteOffset + 8 + headerBytes + to);
    const data =
      dtype === "F64" ? new Float64Array(part)
      : dtype === "F32" ? Float64Array.from(new Float32Array(part))
      : dtype === "I32" ? new Uint32Array(part)
      : undefined;
    if (!data) throw new Error(`${name}: ${key} is ${dtype}`);
    tensors.set(key, { shape, data });
  }
  return tensors;
}

/** One tensor of floats. */
export function floatsOf(tensors: ReadonlyMap<string, FixtureTensor>, key: string): Float64Array {
  const data = tensors.get(key)?.data;
  if (!(data instanceof Float64Array)) throw new Error(`the fixture has no floats "${key}"`);
  return data;
}

/** One tensor of ids. */
export function idsOf(tensors: ReadonlyMap<string, FixtureTensor>, key: string): Uint32Array {
  const data = tensors.get(key)?.data;
  if (!(data instanceof Uint32Array)) throw new Error(`the fixture has no ids "${key}"`);
  return data;
}

/** The largest |got - want| / (1 + |want|); Infinity where lengths differ or either holds a NaN. */
export function worstError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  if (got.length !== want.length) return Infinity;
  let worst = 0;
  for (let i = 0; i < got.length; i++) {
    const error = Math.abs(got[i]! - want[i]!) / (1 + Math.abs(want[i]!));
    if (!(error <= worst)) worst = Number.isNaN(error) ? Infinity : error;
  }
  return worst;
}
