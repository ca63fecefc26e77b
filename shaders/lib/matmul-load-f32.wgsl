// Blocks of A and B one number at a time: any M, N and K. A cursor is the offsets of four rows (or columns) and of four k.
struct Cursor {
  edge: vec4<u32>,
  k: vec4<u32>,
}

const HAS_TAIL: bool = true;
const STEPS = vec4<u32>(0u, 1u, 2u, 3u);

fn start(edge: u32, size: u32, transposed: bool) -> Cursor {
  let clamped = min(edge + STEPS, vec4<u32>(size - 1u));
  if (transposed) {
    return Cursor(clamped, STEPS * size);
  }
  return Cursor(clamped * dims.K, STEPS);
}

fn start_a(row: u32) -> Cursor {
  return start(row, dims.M, A_TRANSPOSED == 1u);
}

// B as it stands, (K, N), is the transposed case of the cursor: its rows are k.
fn start_b(column: u32) -> Cursor {
  return start(column, dims.N, B_TRANSPOSED == 0u);
}

fn next_a(cursor: Cursor) -> Cursor {
  return Cursor(cursor.edge, cursor.k + select(4u, 4u * dims.M, A_TRANSPOSED == 1u));
}

fn next_b(cursor: Cursor) -> Cursor {
  return Cursor(cursor.edge, cursor.k + select(4u * dims.N, 4u, B_TRANSPOSED == 1u));
}

fn a_along(edge: u32, k: vec4<u32>) -> vec4<f32> {
  return vec4<f32>(read_a(edge + k.x), read_a(edge + k.y), read_a(edge + k.z), read_a(edge + k.w));
}

fn b_across(edge: vec4<u32>, k: u32) -> vec4<f32> {
  return vec4<f32>(read_b(edge.x + k), read_b(edge.y + k), read_b(edge.z + k), read_b(edge.w + k));
}

fn load_a(at: Cursor) -> mat4x4<f32> {
  return mat4x4<f32>(a_along(at.edge.x, at.k), a_along(at.edge.y, at.k), a_along(at.edge.z, at.k), a_along(at.edge.w, at.k));
}

fn load_b(at: Cursor) -> mat4x4<f32> {
  return mat4x4<f32>(b_across(at.edge, at.k.x), b_across(at.edge, at.k.y), b_across(at.edge, at.k.z), b_across(at.edge, at.k.w));
}

// The last one to three k: what lies past K is fetched from K - 1 and counts as zero on both sides.
fn tail_k(stride: u32) -> vec4<u32> {
  return min((dims.K & ~3u) + STEPS, vec4<u32>(dims.K - 1u)) * stride;
}

fn load_a_tail(row: u32) -> mat4x4<f32> {
  let inside = (dims.K & ~3u) + STEPS < vec4<u32>(dims.K);
  let block = load_a(Cursor(start_a(row).edge, tail_k(select(1u, dims.M, A_TRANSPOSED == 1u))));
  let none = vec4<f32>();
  return mat4x4<f32>(
    select(none, block[0], inside),
    select(none, block[1], inside),
    select(none, block[2], inside),
    select(none, block[3], inside),
  );
}

fn load_b_tail(column: u32) -> mat4x4<f32> {
  let inside = (dims.K & ~3u) + STEPS < vec4<u32>(dims.K);
  let block = load_b(Cursor(start_b(column).edge, tail_k(select(dims.N, 1u, B_TRANSPOSED == 1u))));
  let none = vec4<f32>();
  return mat4x4<f32>(
    select(none, block[0], inside.x),
    select(none, block[1], inside.y),
    select(none, block[2], inside.z),
    select(none, block[3], inside.w),
  );
}

fn store_block(row: u32, column: u32, block: mat4x4<f32>) {
  for (var i = 0u; i < 4u; i++) {
    for (var j = 0u; j < 4u; j++) {
      if (row + i < dims.M && column + j < dims.N) {
        store((row + i) * dims.N + column + j, column + j, block[i][j]);
      }
    }
  }
}
