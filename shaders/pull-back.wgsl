// grad += weight lossScale (param - anchor): the gradient of weight / 2 |param - anchor|^2, four neighbours of an arena a thread.
const WORKGROUP_SIZE: u32 = 64u;

struct Dims {
  size: u32,
  weight: f32,
}

@group(0) @binding(0) var<storage, read> param: array<vec4<f32>>; // (size)
@group(0) @binding(1) var<storage, read> anchor: array<vec4<f32>>; // (size)
@group(0) @binding(2) var<storage, read> stepF: array<f32>; // (4)
@group(0) @binding(3) var<storage, read_write> grad: array<vec4<f32>>; // (size)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = linear_workgroup_id(workgroup_id, num_workgroups) * WORKGROUP_SIZE + lane;
  if (i >= dims.size / 4u) {
    return;
  }
  grad[i] += dims.weight * stepF[STEP_LOSS_SCALE] * (param[i] - anchor[i]);
}
