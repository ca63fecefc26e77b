/** The matmul exports: src/kernels/matmul.ts has the contracts. Arguments are byte addresses in binding order, then the dims, then the share. */
import { gemm } from "./gemm";
import { MR } from "./layout";
import { geluArray } from "./math";
import { beginOf, LINE } from "./share";

// The share's rectangle of outputs. Of each instance its own, as all globals are.
let row0: i32 = 0;
let rows: i32 = 0;
let column0: i32 = 0;
let columns: i32 = 0;

/** The longer side is split: what both shares need of the other operand is packed by both. */
function choose(M: i32, N: i32, part: i32, parts: i32): void {
  const byRows = M >= N;
  row0 = byRows ? beginOf(M, MR, part, parts) : 0;
  rows = byRows ? beginOf(M, MR, part + 1, parts) - row0 : M;
  column0 = byRows ? 0 : beginOf(N, LINE, part, parts);
  columns = byRows ? N : beginOf(N, LINE, part + 1, parts) - column0;
}

/** The chosen rectangle of out (M, N) = alpha A B: strides as in `gemm`. */
function product(a: usize, aRow: usize, aK: usize, b: usize, bK: usize, bColumn: usize, out: usize, N: i32, K: i32, accumulate: i32, alpha: f32): void {
  const outStep = <usize>N << 2;
  const to = out + <usize>row0 * outStep + (<usize>column0 << 2);
  gemm(a + <usize>row0 * aRow, aRow, aK, b + <usize>column0 * bColumn, bK, bColumn, to, outStep, rows, columns, K, accumulate, alpha);
}

export function matmulNN(a: usize, b: usize, out: usize, M: i32, N: i32, K: i32, accumulate: i32, alpha: f32, part: i32, parts: i32): void {
  choose(M, N, part, parts);
  product(a, <usize>K << 2, 4, b, <usize>N << 2, 4, out, N, K, accumulate, alpha);
}

export function matmulNT(a: usize, b: usize, out: usize, M: i32, N: i32, K: i32, accumulate: i32, alpha: f32, part: i32, parts: i32): void {
  choose(M, N, part, parts);
  product(a, <usize>K << 2, 4, b, 4, <usize>K << 2, out, N, K, accumulate, alpha);
}

/** Without what the contract of a packed output leaves out. */
export function matmulNTOut(a: usize, b: usize, out: usize, M: i32, N: i32, K: i32, part: i32, parts: i32): void {
  matmulNT(a, b, out, M, N, K, 0, 1, part, parts);
}

export function matmulTN(a: usize, b: usize, out: usize, M: i32, N: i32, K: i32, accumulate: i32, alpha: f32, part: i32, parts: i32): void {
  choose(M, N, part, parts);
  product(a, 4, <usize>M << 2, b, <usize>N << 2, 4, out, N, K, accumulate, alpha);
}

// The epilogues start from the bias (and residual) and add the product to it: one pass over the output each.

/** The chosen rectangle of out = a b + bias. */
function biased(a: usize, b: usize, bias: usize, out: usize, N: i32, K: i32): void {
  const bytes = <usize>columns << 2;
  let to = out + ((<usize>row0 * <usize>N + <usize>column0) << 2);
  for (let row = 0; row < rows; row++) {
    memory.copy(to, bias + (<usize>column0 << 2), bytes);
    to += <usize>N << 2;
  }
  product(a, <usize>K << 2, 4, b, <usize>N << 2, 4, out, N, K, 1, 1);
}

export function matmulNNBias(a: usize, b: usize, bias: usize, out: usize, M: i32, N: i32, K: i32, part: i32, parts: i32): void {
  choose(M, N, part, parts);
  biased(a, b, bias, out, N, K);
}

export function matmulNNBiasGelu(a: usize, b: usize, bias: usize, pre: usize, out: usize, M: i32, N: i32, K: i32, part: i32, parts: i32): void {
  choose(M, N, part, parts);
  biased(a, b, bias, pre, N, K);
  for (let row = row0; row < row0 + rows; row++) {
    const at = (<usize>row * <usize>N + <usize>column0) << 2;
    geluArray(pre + at, out + at, columns);
  }
}

export function matmulNNBiasResidual(a: usize, b: usize, bias: usize, residual: usize, out: usize, M: i32, N: i32, K: i32, part: i32, parts: i32): void {
  choose(M, N, part, parts);
  const firstBias = bias + (<usize>column0 << 2);
  for (let row = row0; row < row0 + rows; row++) {
    let at = (<usize>row * <usize>N + <usize>column0) << 2;
    let column = 0;
    for (; column <= columns - 4; column += 4) {
      v128.store(out + at, f32x4.add(v128.load(firstBias + (<usize>column << 2)), v128.load(residual + at)));
      at += 16;
    }
    for (; column < columns; column++) {
      store<f32>(out + at, load<f32>(firstBias + (<usize>column << 2)) + load<f32>(residual + at));
      at += 4;
    }
  }
  product(a, <usize>K << 2, 4, b, <usize>N << 2, 4, out, N, K, 1, 1);
}
