/** f32 to packed IEEE binary16, rounded to nearest even, and back: how f16 operands reach exports that know f32 only. src/core/half.ts has the meaning. */

import { beginOf, LINE } from "./share";

/** out (size) f16 = inp (size) f32. */
export function packF16(inp: usize, out: usize, size: i32, part: i32, parts: i32): void {
  const begin = beginOf(size, 2 * LINE, part, parts);
  const end = beginOf(size, 2 * LINE, part + 1, parts);
  for (let i = begin; i < end; i++) {
    const bits = load<u32>(inp + (<usize>i << 2));
    const magnitude = bits & 0x7fffffff;
    let half: u32;
    if (magnitude > 0x7f800000) half = 0x7e00;
    else if (magnitude >= 0x477ff000) half = 0x7c00;
    else if (magnitude >= 0x38800000) half = (magnitude + 0xfff + ((magnitude >> 13) & 1) - 0x38000000) >> 13;
    // Added to 1/2, whose last place is 2^-24, it is rounded to that.
    else half = reinterpret<u32>(reinterpret<f32>(magnitude) + 0.5) - 0x3f000000;
    store<u16>(out + (<usize>i << 1), <u16>(half | ((bits >> 16) & 0x8000)));
  }
}

/** out (size) f32 = inp (size) f16: exact. */
export function unpackF16(inp: usize, out: usize, size: i32, part: i32, parts: i32): void {
  const begin = beginOf(size, 2 * LINE, part, parts);
  const end = beginOf(size, 2 * LINE, part + 1, parts);
  for (let i = begin; i < end; i++) {
    const bits = <u32>load<u16>(inp + (<usize>i << 1));
    const magnitude = bits & 0x7fff;
    let wide: u32;
    if (magnitude < 0x400) wide = reinterpret<u32>(<f32>magnitude * <f32>5.9604644775390625e-8); // 2^-24
    else wide = (magnitude << 13) + (magnitude >= 0x7c00 ? 0x70000000 : 0x38000000);
    store<u32>(out + (<usize>i << 2), wide | ((bits & 0x8000) << 16));
  }
}
