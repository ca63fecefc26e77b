// partial[i] = SUM inp^2 over the i-th contiguous chunk of ceil(size / partials). One workgroup a chunk; a chunk past the
// end is an empty sum, so every partial is written.
const WORKGROUP_SIZE: u32 = 64u;

struct Dims {
  size: u32,
  partials: u32,
}

@group(0) @binding(0) var<storage, read> inp: array<f32>; // (size)
@group(0) @binding(1) var<storage, read_write> partial: array<f32>; // (partials)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = linear_workgroup_id(workgroup_id, num_workgroups);
  if (i >= dims.partials) {
    return;
  }
  let chunk = (dims.size + dims.partials - 1u) / dims.partials;
  let end = min(dims.size, (i + 1u) * chunk);
  var sum = 0.0;
  for (var k = i * chunk + lane; k < end; k += WORKGROUP_SIZE) {
    sum += inp[k] * inp[k];
  }
  sum = reduce_sum(sum, lane);
  if (lane == 0u) {
    partial[i] = sum;
  }
}
