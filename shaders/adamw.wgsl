// AdamW with g = grad clipScale: param -= lr weightDecay param; m, v = running means of g and g^2;
// param -= lr (m / correction1) / (sqrt(v / correction2) + eps). One thread four neighbours of an arena, which is padded to
// 64 floats: vec4 access is twice as fast on the slowest adapters. A latched step returns before it has written anything.
const WORKGROUP_SIZE: u32 = 64u;

struct Dims {
  size: u32,
  beta1: f32,
  oneMinusBeta1: f32,
  beta2: f32,
  oneMinusBeta2: f32,
  eps: f32,
  weightDecay: f32,
}

@group(0) @binding(0) var<storage, read_write> param: array<vec4<f32>>; // (size)
@group(0) @binding(1) var<storage, read> grad: array<vec4<f32>>; // (size)
@group(0) @binding(2) var<storage, read_write> m: array<vec4<f32>>; // (size)
@group(0) @binding(3) var<storage, read_write> v: array<vec4<f32>>; // (size)
@group(0) @binding(4) var<storage, read> stepF: array<f32>; // (4)
@group(0) @binding(5) var<storage, read> counts: array<u32>; // (4)
@group(0) @binding(6) var<storage, read> scalars: array<f32>; // (4)
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
  let lr = stepF[STEP_LR];
  let g = grad[i] * scalars[SCALAR_CLIP_SCALE];
  let first = dims.beta1 * m[i] + dims.oneMinusBeta1 * g;
  let second = dims.beta2 * v[i] + dims.oneMinusBeta2 * g * g;
  m[i] = first;
  v[i] = second;
  let size = sqrt(second) / sqrt(scalars[SCALAR_CORRECTION2]) + dims.eps;
  let decayed = param[i] - lr * dims.weightDecay * param[i];
  param[i] = decayed - (lr / scalars[SCALAR_CORRECTION1]) * first / size;
}
