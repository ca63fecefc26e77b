// Blocks of A and B as vec4 loads; K, N, and M where A is transposed, are multiples of four. A cursor is four indices
// into an array of vec4, one for each vector of the block; it steps four k onwards.
const HAS_TAIL: bool = false;
const STEPS = vec4<u32>(0u, 1u, 2u, 3u);

// Four vectors along k, one for each of four rows.
fn start_along(edge: u32, size: u32) -> vec4<u32> {
  return min(edge + STEPS, vec4<u32>(size - 1u)) * (dims.K / 4u);
}

// Four vectors across four columns, one for each k.
fn start_across(edge: u32, size: u32) -> vec4<u32> {
  return STEPS * (size / 4u) + min(edge, size - 4u) / 4u;
}

fn start_a(row: u32) -> vec4<u32> {
  if (A_TRANSPOSED == 1u) {
    return start_across(row, dims.M);
  }
  return start_along(row, dims.M);
}

fn start_b(column: u32) -> vec4<u32> {
  if (B_TRANSPOSED == 1u) {
    return start_along(column, dims.N);
  }
  return start_across(column, dims.N);
}

fn next_a(cursor: vec4<u32>) -> vec4<u32> {
  return cursor + select(1u, dims.M, A_TRANSPOSED == 1u);
}

fn next_b(cursor: vec4<u32>) -> vec4<u32> {
  return cursor + select(dims.N, 1u, B_TRANSPOSED == 1u);
}

fn load_a(at: vec4<u32>) -> mat4x4<f32> {
  let block = mat4x4<f32>(read_a(at.x), read_a(at.y), read_a(at.z), read_a(at.w));
  if (A_TRANSPOSED == 1u) {
    return transpose(block);
  }
  return block;
}

fn load_b(at: vec4<u32>) -> mat4x4<f32> {
  let block = mat4x4<f32>(read_b(at.x), read_b(at.y), read_b(at.z), read_b(at.w));
  if (B_TRANSPOSED == 1u) {
    return transpose(block);
  }
  return block;
}

// K is a multiple of four here: these are never called.
fn load_a_tail(row: u32) -> mat4x4<f32> {
  return mat4x4<f32>();
}

fn load_b_tail(column: u32) -> mat4x4<f32> {
  return mat4x4<f32>();
}

fn store_block(row: u32, column: u32, block: mat4x4<f32>) {
  if (column >= dims.N) {
    return;
  }
  for (var i = 0u; i < 4u; i++) {
    if (row + i < dims.M) {
      store(((row + i) * dims.N + column) / 4u, column / 4u, block[i]);
    }
  }
}
