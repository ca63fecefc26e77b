// out[n] = exp(inp[n] - max) / sum. One thread a row: no barriers, which cost more than the row on a software adapter.
struct Dims { N: u32, C: u32 }

@group(0) @binding(0) var<storage, read> inp: array<f32>; // (N, C)
@group(0) @binding(1) var<storage, read_write> out: array<f32>; // (N, C)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let n = linear_workgroup_id(workgroup_id, num_workgroups) * 64u + lane;
  if (n >= dims.N) {
    return;
  }
  let first = n * dims.C;
  let end = first + dims.C;
  var largest = inp[first];
  for (var i = first + 1u; i < end; i++) {
    largest = max(largest, inp[i]);
  }
  var sum = 0.0;
  for (var i = first; i < end; i++) {
    let e = exp(inp[i] - largest);
    out[i] = e;
    sum += e;
  }
  let scale = 1.0 / sum;
  for (var i = first; i < end; i++) {
    out[i] *= scale;
  }
}
