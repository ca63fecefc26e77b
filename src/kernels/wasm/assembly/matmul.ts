/** The matmul exports: src/kernels/matmul.ts has the contracts. Arguments are byte addresses in binding order, then the dims. */
import { gemm } from "./gemm";
import { geluArray } from "./math";

export function matmulNN(a: usize, b: usize, out: usize, M: i32, N: i32, K: i32, accumulate: i32, alpha: f32): void {
  gemm(a, <usize>K << 2, 4, b, <usize>N << 2, 4, out, M, N, K, accumulate, alpha);
}

export function matmulNT(a: usize, b: usize, out: usize, M: i32, N: i32, K: i32, accumulate: i32, alpha: f32): void {
  gemm(a, <usize>K << 2, 4, b, 4, <usize>K << 2, out, M, N, K, accumulate, alpha);
}

export function matmulTN(a: usize, b: usize, out: usize, M: i32, N: i32, K: i32, accumulate: i32, alpha: f32): void {
  gemm(a, 4, <usize>M << 2, b, <usize>N << 2, 4, out, M, N, K, accumulate, alpha);
}

/** Every row of out (M, N) = bias (N). */
function fillRows(bias: usize, out: usize, M: i32, N: i32): void {
  const rowBytes = <usize>N << 2;
  for (let row = 0; row < M; row++) memory.copy(out + <usize>row * rowBytes, bias, rowBytes);
}

// The epilogues start from the bias (and residual) and add the product to it: one pass over the output each.

export function matmulNNBias(a: usize, b: usize, bias: usize, out: usize, M: i32, N: i32, K: i32): void {
  fillRows(bias, out, M, N);
  matmulNN(a, b, out, M, N, K, 1, 1);
}

export function matmulNNBiasGelu(a: usize, b: usize, bias: usize, pre: usize, out: usize, M: i32, N: i32, K: i32): void {
  matmulNNBias(a, b, bias, pre, M, N, K);
  geluArray(pre, out, M * N);
}

export function matmulNNBiasResidual(a: usize, b: usize, bias: usize, residual: usize, out: usize, M: i32, N: i32, K: i32): void {
  let to = out;
  for (let row = 0; row < M; row++) {
    let column = 0;
    for (; column <= N - 4; column += 4) {
      v128.store(to, f32x4.add(v128.load(bias + (<usize>column << 2)), v128.load(residual)));
      to += 16;
      residual += 16;
    }
    for (; column < N; column++) {
      store<f32>(to, load<f32>(bias + (<usize>column << 2)) + load<f32>(residual));
      to += 4;
      residual += 4;
    }
  }
  matmulNN(a, b, out, M, N, K, 1, 1);
}
