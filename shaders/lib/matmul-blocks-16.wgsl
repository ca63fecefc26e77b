// The product in large register blocks, for software adapters: 16 x 16 outputs an invocation, so that each number loaded serves
// 16 products; there a load costs several times what a product does. Small workgroups spread small matrices over the cores. A
// real GPU would run out of registers. The arithmetic is that of lib/matmul-blocks.wgsl; K is a multiple of four. The block goes
// through an array only for storing, since a loop over an array in registers becomes memory, and storing is done once.
const WORKGROUP_SIZE: u32 = 4u;

fn run(group: u32, lane: u32) {
  let across = (dims.N + 15u) / 16u;
  let block = group * WORKGROUP_SIZE + lane;
  let row = (block / across) * 16u;
  let column = (block % across) * 16u;
  if (row >= dims.M) {
    return;
  }
  var a0 = start_a(row + 0u);
  var a1 = start_a(row + 4u);
  var a2 = start_a(row + 8u);
  var a3 = start_a(row + 12u);
  var b0 = start_b(column + 0u);
  var b1 = start_b(column + 4u);
  var b2 = start_b(column + 8u);
  var b3 = start_b(column + 12u);
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
    let y2 = load_b(b2);
    b2 = next_b(b2);
    let y3 = load_b(b3);
    b3 = next_b(b3);
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
    let x2 = load_a(a2);
    a2 = next_a(a2);
    c20 += y0 * x2;
    c21 += y1 * x2;
    c22 += y2 * x2;
    c23 += y3 * x2;
    let x3 = load_a(a3);
    a3 = next_a(a3);
    c30 += y0 * x3;
    c31 += y1 * x3;
    c32 += y2 * x3;
    c33 += y3 * x3;
  }
  var blocks = array<mat4x4<f32>, 16>(c00, c01, c02, c03, c10, c11, c12, c13, c20, c21, c22, c23, c30, c31, c32, c33);
  for (var i = 0u; i < 16u; i++) {
    store_block(row + 4u * (i / 4u), column + 4u * (i % 4u), blocks[i]);
  }
}
