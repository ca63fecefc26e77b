// parent := mask[n] invTargets lossScale weight (p - q), q = softmax(parent row), p = softmax(logits row): what weight KL(q || p) gives the logits.
// One thread a row: no barriers. Sums go in blocks, as one long chain of f32 additions would lose digits. A masked row
// is written as zeros without being read.
const WORKGROUP_SIZE: u32 = 16u;
const BLOCK: u32 = 32u;

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
  let n = linear_workgroup_id(workgroup_id, num_workgroups) * WORKGROUP_SIZE + lane;
  if (n >= dims.N) {
    return;
  }
  let row = n * dims.V;
  if (!(mask[n] > 0.0)) {
    for (var v = 0u; v < dims.V; v++) {
      parent[row + v] = 0.0;
    }
    return;
  }
  var largest = logits[row];
  var largest_parent = parent[row];
  for (var v = 1u; v < dims.V; v++) {
    largest = max(largest, logits[row + v]);
    largest_parent = max(largest_parent, parent[row + v]);
  }
  var sum = 0.0;
  var sum_parent = 0.0;
  for (var block = 0u; block < dims.V; block += BLOCK) {
    var part = 0.0;
    var part_parent = 0.0;
    for (var v = block; v < min(block + BLOCK, dims.V); v++) {
      part += exp(logits[row + v] - largest);
      part_parent += exp(parent[row + v] - largest_parent);
    }
    sum += part;
    sum_parent += part_parent;
  }
  let scale = mask[n] * stepF[STEP_INV_TARGETS] * stepF[STEP_LOSS_SCALE] * dims.weight;
  for (var v = 0u; v < dims.V; v++) {
    parent[row + v] = scale * (exp(logits[row + v] - largest) / sum - exp(parent[row + v] - largest_parent) / sum_parent);
  }
}
