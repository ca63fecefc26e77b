// The product in tiles: a workgroup of 64 fetches 64 rows of A and 64 columns of B over 16 k into workgroup memory (8 KiB), each
// thread one 4 x 4 block of either, and works 8 x 8 outputs a thread from there; the blocks after are already fetched into registers
// meanwhile. So each number is read from storage once a workgroup. A thread's outputs are four blocks half a tile apart: threads
// that run in step then read neighbouring vectors of a tile. With lib/arithmetic-f32.wgsl the arithmetic is that of lib/matmul-blocks.wgsl, in
// its order; with lib/arithmetic-f16.wgsl four k are multiplied and added in f16, and what that gives is added up in f32. K is a multiple of
// four, and blocks past it are zeros.
const WORKGROUP_SIZE: u32 = 64u;
const SIDE: u32 = 16u; // blocks of four along a side of the tile
const DEPTH: u32 = 16u; // k at a time

var<workgroup> a_tile: array<Vector, DEPTH * SIDE>; // vector v of block s of k, block i: (4 s + v) SIDE + i
var<workgroup> b_tile: array<Vector, DEPTH * SIDE>;

fn fetch_a(at: vec4<u32>, k: u32) -> Block {
  if (k < dims.K) {
    return narrowed(load_a(at));
  }
  return Block();
}

fn fetch_b(at: vec4<u32>, k: u32) -> Block {
  if (k < dims.K) {
    return narrowed(load_b(at));
  }
  return Block();
}

fn block_a(slice: u32, block: u32) -> Block {
  let at = 4u * slice * SIDE + block;
  return Block(a_tile[at], a_tile[at + SIDE], a_tile[at + 2u * SIDE], a_tile[at + 3u * SIDE]);
}

fn block_b(slice: u32, block: u32) -> Block {
  let at = 4u * slice * SIDE + block;
  return Block(b_tile[at], b_tile[at + SIDE], b_tile[at + 2u * SIDE], b_tile[at + 3u * SIDE]);
}

fn run(group: u32, lane: u32) {
  let across = (dims.N + 63u) / 64u;
  let row = (group / across) * 64u;
  let column = (group % across) * 64u;
  let slice = lane / SIDE; // what this thread fetches
  let block = lane % SIDE;
  let i = lane / 8u; // what it works out
  let j = lane % 8u;
  let a_start = start_a(row + 4u * block);
  let b_start = start_b(column + 4u * block);
  let a_step = next_a(a_start) - a_start;
  let b_step = next_b(b_start) - b_start;
  var a_at = a_start + slice * a_step;
  var b_at = b_start + slice * b_step;
  var a_next = fetch_a(a_at, 4u * slice);
  var b_next = fetch_b(b_at, 4u * slice);
  var c00 = mat4x4<f32>();
  var c01 = mat4x4<f32>();
  var c10 = mat4x4<f32>();
  var c11 = mat4x4<f32>();
  for (var k = 0u; k < dims.K; k += DEPTH) {
    workgroupBarrier(); // the tiles before are used up
    for (var v = 0u; v < 4u; v++) {
      a_tile[(4u * slice + v) * SIDE + block] = a_next[v];
      b_tile[(4u * slice + v) * SIDE + block] = b_next[v];
    }
    workgroupBarrier();
    a_at += 4u * a_step;
    b_at += 4u * b_step;
    a_next = fetch_a(a_at, k + DEPTH + 4u * slice);
    b_next = fetch_b(b_at, k + DEPTH + 4u * slice);
    for (var s = 0u; s < DEPTH / 4u; s++) {
      let x0 = block_a(s, i);
      let x1 = block_a(s, i + 8u);
      let y0 = block_b(s, j);
      let y1 = block_b(s, j + 8u);
      c00 += widened(y0 * x0);
      c01 += widened(y1 * x0);
      c10 += widened(y0 * x1);
      c11 += widened(y1 * x1);
    }
  }
  store_block(row + 4u * i, column + 4u * j, checked(c00));
  store_block(row + 4u * i, column + 32u + 4u * j, checked(c01));
  store_block(row + 32u + 4u * i, column + 4u * j, checked(c10));
  store_block(row + 32u + 4u * i, column + 32u + 4u * j, checked(c11));
}
