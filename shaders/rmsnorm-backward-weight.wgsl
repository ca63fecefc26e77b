// dweight += sum over n of dout inp rstd. One thread a column (of Elements): in each step neighbouring threads read
// neighbouring columns of one row. No barriers, and small workgroups, since there are few columns to share out.
const WORKGROUP_SIZE: u32 = 8u;
struct Dims { N: u32, C: u32 }

@group(0) @binding(0) var<storage, read> inp: array<Element>; // (N, C)
@group(0) @binding(1) var<storage, read> rstd: array<f32>; // (N)
@group(0) @binding(2) var<storage, read> dout: array<Element>; // (N, C)
@group(0) @binding(3) var<storage, read_write> dweight: array<Element>; // (C)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let c = linear_workgroup_id(workgroup_id, num_workgroups) * WORKGROUP_SIZE + lane;
  let width = dims.C / ELEMENT_SIZE;
  if (c >= width) {
    return;
  }
  var sum = Element();
  for (var n = 0u; n < dims.N; n++) {
    sum += dout[n * width + c] * (inp[n * width + c] * rstd[n]);
  }
  dweight[c] += sum;
}
