// loss[n] = lse - x[target]; x := mask[n] invTargets lossScale (softmax(x) - onehot), over each row x of logits.
// One workgroup a row: largest value, sum, then the gradient in place. A masked row is written as zeros without being read,
// so that nothing that stands in it, NaN included, reaches a gradient.
const WORKGROUP_SIZE: u32 = 64u;
const LOWEST: f32 = -3.4028234e38;

struct Dims {
  N: u32,
  V: u32,
}

@group(0) @binding(0) var<storage, read_write> logits: array<f32>; // (N, V)
@group(0) @binding(1) var<storage, read> targets: array<u32>; // (N)
@group(0) @binding(2) var<storage, read> mask: array<f32>; // (N)
@group(0) @binding(3) var<storage, read> stepF: array<f32>; // (4)
@group(0) @binding(4) var<storage, read_write> loss: array<f32>; // (N)
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
      logits[row + v] = 0.0;
    }
    if (lane == 0u) {
      loss[n] = 0.0;
    }
    return;
  }
  var largest = LOWEST;
  for (var v = lane; v < dims.V; v += WORKGROUP_SIZE) {
    largest = max(largest, logits[row + v]);
  }
  largest = reduce_max(largest, lane);
  var sum = 0.0;
  for (var v = lane; v < dims.V; v += WORKGROUP_SIZE) {
    sum += exp(logits[row + v] - largest);
  }
  sum = reduce_sum(sum, lane);
  let scale = mask[n] * stepF[STEP_INV_TARGETS] * stepF[STEP_LOSS_SCALE];
  for (var v = lane; v < dims.V; v += WORKGROUP_SIZE) {
    let shifted = logits[row + v] - largest;
    let hit = v == targets[n];
    // The thread that overwrites the target's logit is the one that reads the loss from it.
    if (hit) {
      loss[n] = log(sum) - shifted;
    }
    logits[row + v] = scale * (exp(shifted) / sum - f32(hit));
  }
}
