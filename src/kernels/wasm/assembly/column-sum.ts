/** columnSum: src/kernels/column-sum.ts has the contract. Rows are added in order, sixteen columns at a time. */
import { beginOf, LINE } from "./share";

const WIDTH = 16;

export function columnSum(inp: usize, out: usize, N: i32, C: i32, accumulate: i32, part: i32, parts: i32): void {
  const rowBytes = <usize>C << 2;
  const end = beginOf(C, LINE, part + 1, parts);
  let column = beginOf(C, LINE, part, parts);
  for (; column <= end - WIDTH; column += WIDTH) {
    let from = inp + (<usize>column << 2);
    const to = out + (<usize>column << 2);
    let s0 = f32x4.splat(0);
    let s1 = f32x4.splat(0);
    let s2 = f32x4.splat(0);
    let s3 = f32x4.splat(0);
    for (let n = 0; n < N; n++) {
      s0 = f32x4.add(s0, v128.load(from));
      s1 = f32x4.add(s1, v128.load(from, 16));
      s2 = f32x4.add(s2, v128.load(from, 32));
      s3 = f32x4.add(s3, v128.load(from, 48));
      from += rowBytes;
    }
    if (accumulate != 0) {
      s0 = f32x4.add(s0, v128.load(to));
      s1 = f32x4.add(s1, v128.load(to, 16));
      s2 = f32x4.add(s2, v128.load(to, 32));
      s3 = f32x4.add(s3, v128.load(to, 48));
    }
    v128.store(to, s0);
    v128.store(to, s1, 16);
    v128.store(to, s2, 32);
    v128.store(to, s3, 48);
  }
  for (; column < end; column++) {
    let from = inp + (<usize>column << 2);
    const to = out + (<usize>column << 2);
    let sum: f32 = 0;
    for (let n = 0; n < N; n++) {
      sum += load<f32>(from);
      from += rowBytes;
    }
    store<f32>(to, accumulate != 0 ? sum + load<f32>(to) : sum);
  }
}
