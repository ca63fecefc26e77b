// dinp = rstd (g - z average(g z)), z = inp rstd, g = weight dout. One workgroup a row: neighbouring threads read neighbouring
// columns.
const WORKGROUP_SIZE: u32 = 64u;
struct Dims { N: u32, C: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> inp: array<f32>; // (N, C)
@group(0) @binding(1) var<storage, read> weight: array<f32>; // (C)
@group(0) @binding(2) var<storage, read> rstd: array<f32>; // (N)
@group(0) @binding(3) var<storage, read> dout: array<f32>; // (N, C)
@group(0) @binding(4) var<storage, read_write> dinp: array<f32>; // (N, C)
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
  let r = rstd[n];
  var sum = 0.0;
  for (var c = lane; c < dims.C; c += WORKGROUP_SIZE) {
    sum += weight[c] * dout[row + c] * (inp[row + c] * r);
  }
  let average = reduce_sum(sum, lane) / f32(dims.C);
  for (var c = lane; c < dims.C; c += WORKGROUP_SIZE) {
    var d = r * (weight[c] * dout[row + c] - inp[row + c] * r * average);
    // A branch, since the old value may be NaN where it is not wanted.
    if (dims.accumulate != 0u) {
      d += dinp[row + c];
    }
    dinp[row + c] = d;
  }
}
