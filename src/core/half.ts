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

/** As `bf16Encode`, into what is there. */
export function bf16EncodeInto(values: Float32Array, bits: Uint16Array): void {
  for (let i = 0; i < bits.length; i++) bits[i] = toBf16(values[i]!);
}

/** As `bf16Decode`, into what is there. */
export function bf16DecodeInto(bits: Uint16Array, values: Float32Array): void {
  for (let i = 0; i < bits.length; i++) values[i] = fromBf16(bits[i]!);
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
