// out[c] = sum over n of inp[n][c], added to out where accumulate is set. One column (of Elements) an invocation: no barriers.
// Even and odd rows are summed side by side. Small workgroups, since there are few columns to share out.
const WORKGROUP_SIZE: u32 = 8u;

struct Dims {
  N: u32,
  C: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> inp: array<Element>; // (N, C)
@group(0) @binding(1) var<storage, read_write> out: array<Element>; // (C)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let column = linear_workgroup_id(workgroup_id, num_workgroups) * WORKGROUP_SIZE + lane;
  let width = dims.C / ELEMENT_SIZE;
  if (column >= width) {
    return;
  }
  var even = Element();
  var odd = Element();
  var n = 0u;
  for (; n + 1u < dims.N; n += 2u) {
    even += inp[n * width + column];
    odd += inp[(n + 1u) * width + column];
  }
  if (n < dims.N) {
    even += inp[n * width + column];
  }
  var sum = even + odd;
  if (dims.accumulate != 0u) {
    sum += out[column];
  }
  out[column] = sum;
}
