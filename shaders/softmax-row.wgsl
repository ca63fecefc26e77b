// out[n] = exp(inp[n] - max) / sum. One workgroup a row: neighbouring threads read neighbouring columns.
const WORKGROUP_SIZE: u32 = 64u;
struct Dims { N: u32, C: u32 }

@group(0) @binding(0) var<storage, read> inp: array<f32>; // (N, C)
@group(0) @binding(1) var<storage, read_write> out: array<f32>; // (N, C)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let n = linear_workgroup_id(workgroup_id, num_workgroups);
  if (n >= dims.N) {
    return;
  }
  let row = n * dims.C;
  var own_largest = inp[row];
  for (var c = lane; c < dims.C; c += WORKGROUP_SIZE) {
    own_largest = max(own_largest, inp[row + c]);
  }
  let largest = reduce_max(own_largest, lane);
  var own_sum = 0.0;
  for (var c = lane; c < dims.C; c += WORKGROUP_SIZE) {
    let e = exp(inp[row + c] - largest);
    out[row + c] = e;
    own_sum += e;
  }
  let scale = 1.0 / reduce_sum(own_sum, lane);
  for (var c = lane; c < dims.C; c += WORKGROUP_SIZE) {
    out[row + c] *= scale;
  }
}
