// x /= sqrt(SUM partial) + eps. Each workgroup adds the partial sums up anew: there are few, and a launch less.
const WORKGROUP_SIZE: u32 = 64u;

struct Dims {
  size: u32,
  partials: u32,
  eps: f32,
}

@group(0) @binding(0) var<storage, read_write> x: array<f32>; // (size)
@group(0) @binding(1) var<storage, read> partial: array<f32>; // (partials)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  var sum = 0.0;
  for (var k = lane; k < dims.partials; k += WORKGROUP_SIZE) {
    sum += partial[k];
  }
  let norm = sqrt(reduce_sum(sum, lane)) + dims.eps;
  let i = linear_workgroup_id(workgroup_id, num_workgroups) * WORKGROUP_SIZE + lane;
  if (i < dims.size) {
    x[i] = x[i] / norm;
  }
}
