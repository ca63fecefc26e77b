// One thread a pair, rows 2p (chosen) and 2p + 1 (rejected): margin = beta ((c - cr) - (r - rr)) with c, r the sums of log-probabilities where the
// mask is set and cr, rr those of the reference; loss = -log sigmoid(margin) - alpha c / targets of the chosen; dlogprob = its gradient.
const WORKGROUP_SIZE: u32 = 64u;
const BLOCK: u32 = 32u;

struct Dims {
  P: u32,
  T: u32,
  beta: f32,
  alpha: f32,
}

@group(0) @binding(0) var<storage, read> logprob: array<f32>; // (2 P T)
@group(0) @binding(1) var<storage, read> mask: array<f32>; // (2 P T)
@group(0) @binding(2) var<storage, read> expected: array<f32>; // (2 P)
@group(0) @binding(3) var<storage, read> stepF: array<f32>; // (4)
@group(0) @binding(4) var<storage, read_write> dlogprob: array<f32>; // (2 P T)
@group(0) @binding(5) var<storage, read_write> loss: array<f32>; // (P)
@group(1) @binding(0) var<uniform> dims: Dims;

// (sum of log-probabilities, number of targets) of one row
fn row_sum(row: u32) -> vec2<f32> {
  var total = vec2<f32>();
  for (var block = 0u; block < dims.T; block += BLOCK) {
    var part = vec2<f32>();
    for (var t = block; t < min(block + BLOCK, dims.T); t++) {
      let n = row * dims.T + t;
      if (mask[n] > 0.0) {
        part += vec2<f32>(logprob[n], 1.0);
      }
    }
    total += part;
  }
  return total;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let p = linear_workgroup_id(workgroup_id, num_workgroups) * WORKGROUP_SIZE + lane;
  if (p >= dims.P) {
    return;
  }
  let chosen = row_sum(2u * p);
  let rejected = row_sum(2u * p + 1u);
  let margin = dims.beta * ((chosen.x - expected[2u * p]) - (rejected.x - expected[2u * p + 1u]));
  // log(1 + exp(-margin)) without overflow on either side.
  let targets = max(chosen.y, 1.0);
  loss[p] = max(-margin, 0.0) + log(1.0 + exp(-abs(margin))) - dims.alpha * chosen.x / targets;
  let scale = stepF[STEP_INV_TARGETS] * stepF[STEP_LOSS_SCALE];
  // sigmoid(-margin), likewise.
  let small = exp(-abs(margin));
  let push = dims.beta * select(1.0, small, margin > 0.0) / (1.0 + small);
  let gain = vec2<f32>(-scale * (push + dims.alpha / targets), scale * push);
  for (var side = 0u; side < 2u; side++) {
    for (var t = 0u; t < dims.T; t++) {
      let n = (2u * p + side) * dims.T + t;
      dlogprob[n] = select(0.0, gain[side], mask[n] > 0.0);
    }
  }
}
