// logprob[n] = x[target] - lse, lse = log SUM_v exp(x[v]), over each row x of logits.
// One workgroup a row, in two passes (largest value, then the sum of what is left after subtracting it): a row is small
// enough to stay in cache, and one online pass would rescale at every new maximum.
const WORKGROUP_SIZE: u32 = 64u;
const LOWEST: f32 = -3.4028234e38;

struct Dims {
  N: u32,
  V: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>; // (N, V)
@group(0) @binding(1) var<storage, read> targets: array<u32>; // (N)
@group(0) @binding(2) var<storage, read_write> logprob: array<f32>; // (N)
@group(0) @binding(3) var<storage, read_write> lse: array<f32>; // (N)
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
  if (lane == 0u) {
    let log_sum = log(sum);
    lse[n] = largest + log_sum;
    // Not logit - lse: at logits of 1e4 that would lose four digits.
    logprob[n] = (logits[row + targets[n]] - largest) - log_sum;
  }
}
