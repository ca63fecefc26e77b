/** f32 to packed bf16, rounded to nearest even, and back: how bf16 operands reach exports that know f32 only. src/core/half.ts has the meaning. */

import { beginOf, LINE } from "./share";

const QUIET: u32 = 0x400000;

function rounded(bits: v128): v128 {
  const odd = v128.and(i32x4.shr_u(bits, 16), i32x4.splat(1));
  const even = i32x4.add(i32x4.add(bits, i32x4.splat(0x7fff)), odd);
  const nan = i32x4.gt_s(v128.and(bits, i32x4.splat(0x7fffffff)), i32x4.splat(0x7f800000));
  return v128.bitselect(v128.or(bits, i32x4.splat(QUIET)), even, nan);
}

/** out (size) bf16 = inp (size) f32. */
export function packBf16(inp: usize, out: usize, size: i32, part: i32, parts: i32): void {
  const begin = beginOf(size, 2 * LINE, part, parts);
  const count = beginOf(size, 2 * LINE, part + 1, parts) - begin;
  inp += <usize>4 * begin;
  out += <usize>2 * begin;
  let i = 0;
  for (; i <= count - 8; i += 8) {
    const low = rounded(v128.load(inp));
    const high = rounded(v128.load(inp, 16));
    v128.store(out, v128.shuffle<u16>(low, high, 1, 3, 5, 7, 9, 11, 13, 15));
    inp += 32;
    out += 16;
  }
  for (; i < count; i++) {
    const bits = load<u32>(inp);
    const isNan = (bits & 0x7fffffff) > 0x7f800000;
    store<u16>(out, <u16>((isNan ? bits | QUIET : bits + 0x7fff + ((bits >> 16) & 1)) >> 16));
    inp += 4;
    out += 2;
  }
}

/** out (size) f32 = inp (size) bf16: exact. */
export function unpackBf16(inp: usize, out: usize, size: i32, part: i32, parts: i32): void {
  const begin = beginOf(size, 2 * LINE, part, parts);
  const count = beginOf(size, 2 * LINE, part + 1, parts) - begin;
  inp += <usize>2 * begin;
  out += <usize>4 * begin;
  const zero = i32x4.splat(0);
  let i = 0;
  for (; i <= count - 8; i += 8) {
    const halves = v128.load(inp);
    v128.store(out, v128.shuffle<u16>(zero, halves, 0, 8, 1, 9, 2, 10, 3, 11));
    v128.store(out, v128.shuffle<u16>(zero, halves, 4, 12, 5, 13, 6, 14, 7, 15), 16);
    inp += 16;
    out += 32;
  }
  for (; i < count; i++) {
    store<u32>(out, <u32>load<u16>(inp) << 16);
    inp += 2;
    out += 4;
  }
}
