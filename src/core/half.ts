/** bf16 and f16 as bits, both ways, rounding to nearest even. Storage formats only: nothing computes in them here. */

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** The bf16 bits of x: the upper half of the f32, rounded to nearest even. NaN stays NaN. */
export function toBf16(x: number): number {
  f32[0] = x;
  const bits = u32[0]!;
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

export function fromBf16(bits: number): number {
  u32[0] = bits << 16;
  return f32[0]!;
}

export function bf16Encode(values: Float32Array): Uint16Array {
  return Uint16Array.from(values, toBf16);
}

export function bf16Decode(bits: Uint16Array): Float32Array {
  return Float32Array.from(bits, fromBf16);
}

/** The IEEE 754 binary16 bits of x, rounded to nearest even; from 65520 on infinite. NaN stays NaN. */
export function toF16(x: number): number {
  f32[0] = x;
  const bits = u32[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) return sign | ((magnitude + 0xfff + ((magnitude >>> 13) & 1) - 0x38000000) >>> 13);
  // Subnormal, or the least normal where that is nearest: added to 1/2, whose last place is 2^-24, it is rounded to that.
  u32[0] = magnitude;
  f32[0] = f32[0]! + 0.5;
  return sign | (u32[0]! - 0x3f000000);
}

/** The IEEE 754 binary16 bits decoded. */
export function fromF16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

export function f16Decode(bits: Uint16Array): Float32Array {
  return Float32Array.from(bits, fromF16);
}

export function f16Encode(values: Float32Array): Uint16Array {
  return Uint16Array.from(values, toF16);
}

/** The two formats of sixteen bits that numbers may be stored in. */
export type HalfType = "bf16" | "f16";

interface Half {
  encode(values: Float32Array): Uint16Array;
  decode(bits: Uint16Array): Float32Array;
}

export const HALVES: Readonly<Record<HalfType, Half>> = { bf16: { encode: bf16Encode, decode: bf16Decode }, f16: { encode: f16Encode, decode: f16Decode } };
