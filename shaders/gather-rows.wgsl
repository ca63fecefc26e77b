// out[r] = inp[index[r]]. One thread an element.
const WORKGROUP_SIZE: u32 = 64u;

struct Dims {
  R: u32,
  C: u32,
}

@group(0) @binding(0) var<storage, read> inp: array<f32>; // (N, C)
@group(0) @binding(1) var<storage, read> index: array<u32>; // (R)
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // (R, C)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = linear_workgroup_id(workgroup_id, num_workgroups) * WORKGROUP_SIZE + lane;
  if (i >= dims.R * dims.C) {
    return;
  }
  out[i] = inp[index[i / dims.C] * dims.C + i % dims.C];
}
