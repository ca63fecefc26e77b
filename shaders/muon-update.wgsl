// param -= lr weightDecay param + lr scale x, in some columns of param. One thread an element of x. A latched step writes nothing.
const WORKGROUP_SIZE: u32 = 64u;

struct Dims {
  rows: u32,
  columns: u32,
  stride: u32,
  first: u32,
  scale: f32,
  weightDecay: f32,
}

@group(0) @binding(0) var<storage, read_write> param: array<f32>; // (rows, stride)
@group(0) @binding(1) var<storage, read> x: array<f32>; // (rows, columns)
@group(0) @binding(2) var<storage, read> stepF: array<f32>; // (4)
@group(0) @binding(3) var<storage, read> counts: array<u32>; // (4)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = linear_workgroup_id(workgroup_id, num_workgroups) * WORKGROUP_SIZE + lane;
  if (i >= dims.rows * dims.columns || counts[COUNT_LATCHED] != 0u) {
    return;
  }
  let at = (i / dims.columns) * dims.stride + dims.first + i % dims.columns;
  let lr = stepF[STEP_LR];
  let decayed = param[at] - lr * dims.weightDecay * param[at];
  param[at] = decayed - lr * dims.scale * x[i];
}
