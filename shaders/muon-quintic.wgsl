// square = a I + b gram + c square. One thread an element.
const WORKGROUP_SIZE: u32 = 64u;

struct Dims {
  N: u32,
  a: f32,
  b: f32,
  c: f32,
}

@group(0) @binding(0) var<storage, read> gram: array<f32>; // (N, N)
@group(0) @binding(1) var<storage, read_write> square: array<f32>; // (N, N)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = linear_workgroup_id(workgroup_id, num_workgroups) * WORKGROUP_SIZE + lane;
  if (i >= dims.N * dims.N) {
    return;
  }
  let identity = select(0.0, dims.a, i / dims.N == i % dims.N);
  square[i] = identity + dims.b * gram[i] + dims.c * square[i];
}
