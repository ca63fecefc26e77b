/** gelu, geluBackward, add, accumulate: element by element, four at a time. Contracts: src/kernels/<name>.ts. */
import { geluArray, geluSlope4, loadPart, storePart } from "./math";
import { beginOf, LINE } from "./share";

export function gelu(inp: usize, out: usize, size: i32, part: i32, parts: i32): void {
  const first = beginOf(size, LINE, part, parts);
  size = beginOf(size, LINE, part + 1, parts) - first;
  inp += <usize>first << 2;
  out += <usize>first << 2;
  geluArray(inp, out, size);
}

export function geluBackward(pre: usize, grad: usize, size: i32, part: i32, parts: i32): void {
  const first = beginOf(size, LINE, part, parts);
  size = beginOf(size, LINE, part + 1, parts) - first;
  pre += <usize>first << 2;
  grad += <usize>first << 2;
  let i = 0;
  for (; i <= size - 4; i += 4) {
    v128.store(grad, f32x4.mul(v128.load(grad), geluSlope4(v128.load(pre))));
    pre += 16;
    grad += 16;
  }
  if (i < size) storePart(grad, f32x4.mul(loadPart(grad, size - i), geluSlope4(loadPart(pre, size - i))), size - i);
}

export function add(a: usize, b: usize, out: usize, size: i32, part: i32, parts: i32): void {
  const first = beginOf(size, LINE, part, parts);
  size = beginOf(size, LINE, part + 1, parts) - first;
  a += <usize>first << 2;
  b += <usize>first << 2;
  out += <usize>first << 2;
  let i = 0;
  for (; i <= size - 4; i += 4) {
    v128.store(out, f32x4.add(v128.load(a), v128.load(b)));
    a += 16;
    b += 16;
    out += 16;
  }
  if (i < size) storePart(out, f32x4.add(loadPart(a, size - i), loadPart(b, size - i)), size - i);
}

export function accumulate(inp: usize, out: usize, size: i32, part: i32, parts: i32): void {
  add(inp, out, out, size, part, parts);
}
