// The product in register blocks: 8 x 8 outputs an invocation, 64 x 64 a workgroup, no workgroup memory and no barrier.
// A block of four k is a 4 x 4 matrix. With rows of A (over k) as the columns of `a` and rows of B (over n) as the columns
// of `b`, the columns of b * a are four rows of the output: each is a sum over k of B's rows, weighted by A's row.
// Loads are clamped to the edges (what they fetch past them is never stored). Around this stand load_a, load_b
// (lib/matmul-load-*.wgsl) and the kernel's store().
const WORKGROUP_SIZE: u32 = 64u;

fn run(group: u32, lane: u32) {
  let groups_across = (dims.N + 63u) / 64u;
  let row = (group / groups_across) * 64u + (lane / 8u) * 8u;
  let column = (group % groups_across) * 64u + (lane % 8u) * 8u;
  if (row >= dims.M || column >= dims.N) {
    return;
  }
  var a0 = start_a(row);
  var a1 = start_a(row + 4u);
  var b0 = start_b(column);
  var b1 = start_b(column + 4u);
  var c00 = mat4x4<f32>();
  var c01 = mat4x4<f32>();
  var c10 = mat4x4<f32>();
  var c11 = mat4x4<f32>();
  let whole = dims.K / 4u;
  for (var step = 0u; step < whole; step++) {
    let x0 = load_a(a0);
    let x1 = load_a(a1);
    let y0 = load_b(b0);
    let y1 = load_b(b1);
    c00 += y0 * x0;
    c01 += y1 * x0;
    c10 += y0 * x1;
    c11 += y1 * x1;
    a0 = next_a(a0);
    a1 = next_a(a1);
    b0 = next_b(b0);
    b1 = next_b(b1);
  }
  if (HAS_TAIL && whole * 4u < dims.K) {
    let x0 = load_a_tail(row);
    let x1 = load_a_tail(row + 4u);
    let y0 = load_b_tail(column);
    let y1 = load_b_tail(column + 4u);
    c00 += y0 * x0;
    c01 += y1 * x0;
    c10 += y0 * x1;
    c11 += y1 * x1;
  }
  store_block(row, column, c00);
  store_block(row, column + 4u, c01);
  store_block(row + 4u, column, c10);
  store_block(row + 4u, column + 4u, c11);
}
