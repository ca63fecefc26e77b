// parent := mask[n] invTargets lossScale weight (p - q), q = softmax(parent row), p = softmax(logits row): what weight KL(q || p) gives the logits.
// One workgroup a row. A masked row is written as zeros without being read, so that nothing that stands in it, NaN
// included, reaches a gradient.
const WORKGROUP_SIZE: u32 = 64u;
const LOWEST: f32 = -3.4028234e38;

struct Dims {
  N: u32,
  V: u32,
  weight: f32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>; // (N, V)
@group(0) @binding(1) var<storage, read_write> parent: array<f32>; // (N, V)
@group(0) @binding(2) var<storage, read> mask: array<f32>; // (N)
@group(0) @binding(3) var<storage, read> stepF: array<f32>; // (4)
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
  let row = n * dims.V;
  if (!(mask[n] > 0.0)) {
    for (var v = lane; v < dims.V; v += WORKGROUP_SIZE) {
      parent[row + v] = 0.0;
    }
    return;
  }
  var largest = LOWEST;
  var largest_parent = LOWEST;
  for (var v = lane; v < dims.V; v += WORKGROUP_SIZE) {
    largest = max(largest, logits[row + v]);
    largest_parent = max(largest_parent, parent[row + v]);
  }
  largest = reduce_max(largest, lane);
  largest_parent = reduce_max(largest_parent, lane);
  var sum = 0.0;
  var sum_parent = 0.0;
  for (var v = lane; v < dims.V; v += WORKGROUP_SIZE) {
    sum += exp(logits[row + v] - largest);
    sum_parent += exp(parent[row + v] - largest_parent);
  }
  sum = reduce_sum(sum, lane);
  sum_parent = reduce_sum(sum_parent, lane);
  let scale = mask[n] * stepF[STEP_INV_TARGETS] * stepF[STEP_LOSS_SCALE] * dims.weight;
  for (var v = lane; v < dims.V; v += WORKGROUP_SIZE) {
    parent[row + v] = scale * (exp(logits[row + v] - largest) / sum - exp(parent[row + v] - largest_parent) / sum_parent);
  }
}
