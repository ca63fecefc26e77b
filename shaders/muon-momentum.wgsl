// With g = grad clipScale: m = momentum m + (1 - momentum) g; out = nesterov ? momentum m + (1 - momentum) g : m. One thread an element of
// out, which is some columns of grad and m alone. A latched step returns before it has written anything.
const WORKGROUP_SIZE: u32 = 64u;

struct Dims {
  rows: u32,
  columns: u32,
  stride: u32,
  first: u32,
  momentum: f32,
  oneMinusMomentum: f32,
  nesterov: u32,
}

@group(0) @binding(0) var<storage, read> grad: array<f32>; // (rows, stride)
@group(0) @binding(1) var<storage, read_write> m: array<f32>; // (rows, stride)
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // (rows, columns)
@group(0) @binding(3) var<storage, read> counts: array<u32>; // (4)
@group(0) @binding(4) var<storage, read> scalars: array<f32>; // (4)
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
  let g = dims.oneMinusMomentum * (grad[at] * scalars[SCALAR_CLIP_SCALE]);
  let average = dims.momentum * m[at] + g;
  m[at] = average;
  out[i] = select(average, dims.momentum * average + g, dims.nesterov != 0u);
}
