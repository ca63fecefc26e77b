/** copy, peakFma: the roofs that the bench measures. Contracts: src/kernels/copy.ts, src/kernels/peak-fma.ts. */
import { fma } from "./math";
import { beginOf, LINE } from "./share";

export function copy(inp: usize, out: usize, size: i32, part: i32, parts: i32): void {
  const first = beginOf(size, LINE, part, parts);
  size = beginOf(size, LINE, part + 1, parts) - first;
  inp += <usize>first << 2;
  out += <usize>first << 2;
  const end = inp + ((<usize>size) << 2);
  while (inp < end) {
    v128.store(out, v128.load(inp));
    inp += 16;
    out += 16;
  }
}

export function peakFma(inp: usize, out: usize, size: i32, rounds: i32, part: i32, parts: i32): void {
  const first = beginOf(size, LINE, part, parts);
  size = beginOf(size, LINE, part + 1, parts) - first;
  inp += <usize>first << 2;
  out += <usize>first << 2;
  const scale = f32x4.splat(0.75);
  const shift = f32x4.splat(0.25);
  for (let i = 0; i < size; i += 4) {
    let y0 = v128.load(inp);
    let y1 = f32x4.add(y0, f32x4.splat(1));
    let y2 = f32x4.add(y0, f32x4.splat(2));
    let y3 = f32x4.add(y0, f32x4.splat(3));
    let y4 = f32x4.add(y0, f32x4.splat(4));
    let y5 = f32x4.add(y0, f32x4.splat(5));
    let y6 = f32x4.add(y0, f32x4.splat(6));
    let y7 = f32x4.add(y0, f32x4.splat(7));
    for (let round = 0; round < rounds; round++) {
      y0 = fma(y0, scale, shift);
      y1 = fma(y1, scale, shift);
      y2 = fma(y2, scale, shift);
      y3 = fma(y3, scale, shift);
      y4 = fma(y4, scale, shift);
      y5 = fma(y5, scale, shift);
      y6 = fma(y6, scale, shift);
      y7 = fma(y7, scale, shift);
    }
    const low = f32x4.add(f32x4.add(y0, y1), f32x4.add(y2, y3));
    const high = f32x4.add(f32x4.add(y4, y5), f32x4.add(y6, y7));
    v128.store(out, f32x4.add(low, high));
    inp += 16;
    out += 16;
  }
}
