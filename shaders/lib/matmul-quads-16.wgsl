// The product in large register blocks, as lib/matmul-blocks-16.wgsl, with what is loaded shared in quads: a workgroup is one quad of two by two
// blocks, 32 x 32 outputs. Invocations side by side need the same rows of A, one above the other the same columns of B: each loads half of both
// and swaps it for its neighbour's. Every invocation of the quad stays to the end, or there would be nobody to swap with; beyond
// the edge it reads what is within, and stores nothing. The arithmetic, and its order, are those of the other blocks; K is a multiple of four.
const WORKGROUP_SIZE: u32 = 4u;

fn beside(block: mat4x4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(quadSwapX(block[0]), quadSwapX(block[1]), quadSwapX(block[2]), quadSwapX(block[3]));
}

fn below(block: mat4x4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(quadSwapY(block[0]), quadSwapY(block[1]), quadSwapY(block[2]), quadSwapY(block[3]));
}

fn run(group: u32, lane: u32) {
  let across = (dims.N + 31u) / 32u;
  let right = lane % 2u;
  let lower = lane / 2u;
  let row = (group / across) * 32u + 16u * lower;
  let column = (group % across) * 32u + 16u * right;
  // The half that this invocation loads comes first, whichever of the two it is.
  let own_row = row + 8u * right;
  let other_row = row + 8u - 8u * right;
  let own_column = column + 8u * lower;
  let other_column = column + 8u - 8u * lower;
  var a0 = start_a(own_row);
  var a1 = start_a(own_row + 4u);
  var b0 = start_b(own_column);
  var b1 = start_b(own_column + 4u);
  var c00 = mat4x4<f32>();
  var c01 = mat4x4<f32>();
  var c02 = mat4x4<f32>();
  var c03 = mat4x4<f32>();
  var c10 = mat4x4<f32>();
  var c11 = mat4x4<f32>();
  var c12 = mat4x4<f32>();
  var c13 = mat4x4<f32>();
  var c20 = mat4x4<f32>();
  var c21 = mat4x4<f32>();
  var c22 = mat4x4<f32>();
  var c23 = mat4x4<f32>();
  var c30 = mat4x4<f32>();
  var c31 = mat4x4<f32>();
  var c32 = mat4x4<f32>();
  var c33 = mat4x4<f32>();
  for (var step = 0u; step < dims.K / 4u; step++) {
    let y0 = load_b(b0);
    b0 = next_b(b0);
    let y1 = load_b(b1);
    b1 = next_b(b1);
    let y2 = below(y0);
    let y3 = below(y1);
    let x0 = load_a(a0);
    a0 = next_a(a0);
    c00 += y0 * x0;
    c01 += y1 * x0;
    c02 += y2 * x0;
    c03 += y3 * x0;
    let x1 = load_a(a1);
    a1 = next_a(a1);
    c10 += y0 * x1;
    c11 += y1 * x1;
    c12 += y2 * x1;
    c13 += y3 * x1;
    let x2 = beside(x0);
    c20 += y0 * x2;
    c21 += y1 * x2;
    c22 += y2 * x2;
    c23 += y3 * x2;
    let x3 = beside(x1);
    c30 += y0 * x3;
    c31 += y1 * x3;
    c32 += y2 * x3;
    c33 += y3 * x3;
  }
  var blocks = array<mat4x4<f32>, 16>(c00, c01, c02, c03, c10, c11, c12, c13, c20, c21, c22, c23, c30, c31, c32, c33);
  for (var i = 0u; i < 16u; i++) {
    let down = i / 4u;
    let along = i % 4u;
    store_block(select(other_row, own_row, down < 2u) + 4u * (down % 2u), select(other_column, own_column, along < 2u) + 4u * (along % 2u), blocks[i]);
  }
}
