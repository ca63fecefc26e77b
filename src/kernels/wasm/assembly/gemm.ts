/**
 * The blocked product that all matmul exports share: pack, multiply 4 x 8 register blocks, write. Sizes of the blocks are
 * constants and K is walked upwards, so an output's bits do not depend on how the rows or columns of a call are split.
 * After Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", 2008.
 */
import { BASE, KC, MC, MR, NC, NR, PACKED_A, PACKED_B, TILE } from "./layout";
import { fma } from "./math";
import { pack } from "./pack";

/** Writes alpha * sum, plus what is there where `add` is set. */
function put(to: usize, sum: v128, alpha: v128, add: bool): void {
  let value = f32x4.mul(sum, alpha);
  if (add) value = f32x4.add(v128.load(to), value);
  v128.store(to, value);
}

/** One 4 x 8 block of output: `a` is a packed panel, `b` a packed panel or 8 columns of B itself (rows `bStep` bytes apart). */
function block(a: usize, b: usize, bStep: usize, depth: i32, out: usize, outStep: usize, alpha: f32, add: bool): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  const end = a + (<usize>depth << 4);
  while (a < end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const a0 = v128.load_splat<f32>(a);
    c00 = fma(a0, b0, c00);
    c01 = fma(a0, b1, c01);
    const a1 = v128.load_splat<f32>(a, 4);
    c10 = fma(a1, b0, c10);
    c11 = fma(a1, b1, c11);
    const a2 = v128.load_splat<f32>(a, 8);
    c20 = fma(a2, b0, c20);
    c21 = fma(a2, b1, c21);
    const a3 = v128.load_splat<f32>(a, 12);
    c30 = fma(a3, b0, c30);
    c31 = fma(a3, b1, c31);
    a += 16;
    b += bStep;
  }
  const scale = f32x4.splat(alpha);
  put(out, c00, scale, add);
  put(out + 16, c01, scale, add);
  out += outStep;
  put(out, c10, scale, add);
  put(out + 16, c11, scale, add);
  out += outStep;
  put(out, c20, scale, add);
  put(out + 16, c21, scale, add);
  out += outStep;
  put(out, c30, scale, add);
  put(out + 16, c31, scale, add);
}

/** A block at an edge: computed whole in scratch, copied in part. */
function edgeBlock(a: usize, b: usize, depth: i32, out: usize, outStep: usize, rows: i32, columns: i32, alpha: f32, add: bool): void {
  const tile = BASE + TILE;
  block(a, b, <usize>NR << 2, depth, tile, <usize>NR << 2, alpha, false);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const to = out + <usize>row * outStep + (<usize>column << 2);
      const value = load<f32>(tile + <usize>(row * NR + column) * 4);
      store<f32>(to, add ? load<f32>(to) + value : value);
    }
  }
}

/**
 * out (M, N) = alpha A B, plus out where `accumulate` is set. Element (row, k) of A is at a + row * aRow + k * aK, element
 * (k, column) of B at b + k * bK + column * bColumn, rows of out lie outStep apart, in bytes.
 */
export function gemm(
  a: usize, aRow: usize, aK: usize, b: usize, bK: usize, bColumn: usize, out: usize, outStep: usize,
  M: i32, N: i32, K: i32, accumulate: i32, alpha: f32,
): void {
  const packedA = BASE + PACKED_A;
  const packedB = BASE + PACKED_B;
  if (M <= 0) return;
  for (let j = 0; j < N; j += NC) {
    const columns = min(N - j, NC);
    for (let k = 0; k < K; k += KC) {
      const depth = min(K - k, KC);
      const add = k > 0 || accumulate != 0;
      pack(b + <usize>k * bK + <usize>j * bColumn, bColumn, bK, columns, depth, NR, packedB);
      for (let i = 0; i < M; i += MC) {
        const rows = min(M - i, MC);
        pack(a + <usize>i * aRow + <usize>k * aK, aRow, aK, rows, depth, MR, packedA);
        for (let jr = 0; jr < columns; jr += NR) {
          const panelB = packedB + (<usize>(jr * depth) << 2);
          for (let ir = 0; ir < rows; ir += MR) {
            const panelA = packedA + (<usize>(ir * depth) << 2);
            const to = out + <usize>(i + ir) * outStep + (<usize>(j + jr) << 2);
            if (rows - ir >= MR && columns - jr >= NR) {
              block(panelA, panelB, <usize>NR << 2, depth, to, outStep, alpha, add);
            } else {
              edgeBlock(panelA, panelB, depth, to, outStep, min(rows - ir, MR), min(columns - jr, NR), alpha, add);
            }
          }
        }
      }
    }
  }
}
