// SGD with g = grad clipScale + weightDecay param: m = momentum m + g; param -= lr (nesterov ? g + momentum m : m). One thread
// four neighbours of an arena, which is padded to 64 floats. A latched step returns before it has written anything.
const WORKGROUP_SIZE: u32 = 64u;

struct Dims {
  size: u32,
  momentum: f32,
  nesterov: u32,
  weightDecay: f32,
}

@group(0) @binding(0) var<storage, read_write> param: array<vec4<f32>>; // (size)
@group(0) @binding(1) var<storage, read> grad: array<vec4<f32>>; // (size)
@group(0) @binding(2) var<storage, read_write> m: array<vec4<f32>>; // (size)
@group(0) @binding(3) var<storage, read> stepF: array<f32>; // (4)
@group(0) @binding(4) var<storage, read> counts: array<u32>; // (4)
@group(0) @binding(5) var<storage, read> scalars: array<f32>; // (4)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = linear_workgroup_id(workgroup_id, num_workgroups) * WORKGROUP_SIZE + lane;
  if (i >= dims.size / 4u || counts[COUNT_LATCHED] != 0u) {
    return;
  }
  let g = grad[i] * scalars[SCALAR_CLIP_SCALE] + dims.weightDecay * param[i];
  let velocity = dims.momentum * m[i] + g;
  m[i] = velocity;
  let step = select(velocity, g + dims.momentum * velocity, dims.nesterov != 0u);
  param[i] = param[i] - stepF[STEP_LR] * step;
}
