// out[c] = sum over n of inp[n][c], added to out where accumulate is set. One column an invocation, rows in order.
struct Dims {
  N: u32,
  C: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> inp: array<f32>; // (N, C)
@group(0) @binding(1) var<storage, read_write> out: array<f32>; // (C)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let column = linear_workgroup_id(workgroup_id, num_workgroups) * 64u + lane;
  if (column >= dims.C) {
    return;
  }
  var sum = 0.0;
  for (var n = 0u; n < dims.N; n++) {
    sum += inp[n * dims.C + column];
  }
  if (dims.accumulate != 0u) {
    sum += out[column];
  }
  out[column] = sum;
}
