// One token a row: keep the top_k largest logits, of these the likeliest that reach top_p, draw among them in index order.
// One workgroup a row. Nothing is sorted: an edge of the kept set is the largest key for which enough lies at or above it,
// found bit by bit on u32 keys that order as the logits do, so it is exact and ties stay together.
const WORKGROUP_SIZE: u32 = 64u;
const LOWEST: f32 = -3.4028234e38;
const SIGN: u32 = 0x80000000u;

struct Dims {
  R: u32,
  V: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>; // (R, V)
@group(0) @binding(1) var<storage, read> options: array<f32>; // (2): temperature, top_p
@group(0) @binding(2) var<storage, read> control: array<u32>; // (4): key0, key1, index, top_k
@group(0) @binding(3) var<storage, read_write> token: array<u32>; // (R)
@group(0) @binding(4) var<storage, read_write> prob: array<f32>; // (R)
@group(1) @binding(0) var<uniform> dims: Dims;

var<workgroup> chunk_mass: array<f32, WORKGROUP_SIZE>;
var<workgroup> chosen: u32;

// A u32 that orders as x does; -0 and 0 are one key.
fn key_of(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  return select(select(bits | SIGN, ~bits, (bits & SIGN) != 0u), SIGN, bits == SIGN);
}

fn weight(x: f32, largest: f32, least: u32) -> f32 {
  if (key_of(x) < least) {
    return 0.0;
  }
  return exp((x - largest) / options[0]);
}

fn count_from(row: u32, least: u32, lane: u32) -> f32 {
  var count = 0.0;
  for (var v = lane; v < dims.V; v += WORKGROUP_SIZE) {
    count += f32(key_of(logits[row + v]) >= least);
  }
  return reduce_sum(count, lane);
}

fn mass_from(row: u32, largest: f32, least: u32, lane: u32) -> f32 {
  var mass = 0.0;
  for (var v = lane; v < dims.V; v += WORKGROUP_SIZE) {
    mass += weight(logits[row + v], largest, least);
  }
  return reduce_sum(mass, lane);
}

// The smallest key that top-k and top-p keep.
fn least_kept(row: u32, largest: f32, lane: u32) -> u32 {
  let top_k = control[3];
  let top_p = options[1];
  var least = 0u;
  if (top_k > 0u && top_k < dims.V) {
    for (var bit = SIGN; bit > 0u; bit >>= 1u) {
      let count = count_from(row, least | bit, lane);
      least = select(least, least | bit, count >= f32(top_k));
    }
  }
  if (top_p < 1.0) {
    let enough = top_p * mass_from(row, largest, least, lane);
    var nucleus = 0u;
    for (var bit = SIGN; bit > 0u; bit >>= 1u) {
      // A candidate below top-k's edge has all of the mass: it holds, as it must.
      let mass = mass_from(row, largest, max(least, nucleus | bit), lane);
      nucleus = select(nucleus, nucleus | bit, mass >= enough);
    }
    // At least the likeliest, also for a top_p of 0.
    least = max(least, min(nucleus, key_of(largest)));
  }
  return least;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let r = linear_workgroup_id(workgroup_id, num_workgroups);
  if (r >= dims.R) {
    return;
  }
  let row = r * dims.V;
  var largest = LOWEST;
  for (var v = lane; v < dims.V; v += WORKGROUP_SIZE) {
    largest = max(largest, logits[row + v]);
  }
  largest = reduce_max(largest, lane);
  // The lowest index of the largest logit, as the largest of the negated ones; f32 holds indices up to 2^24.
  var first = -f32(dims.V - 1u);
  for (var v = lane; v < dims.V; v += WORKGROUP_SIZE) {
    first = max(first, select(-f32(dims.V), -f32(v), logits[row + v] == largest));
  }
  let best = u32(-reduce_max(first, lane));
  if (options[0] == 0.0) {
    if (lane == 0u) {
      token[r] = best;
      prob[r] = 1.0;
    }
    return;
  }

  let least = least_kept(row, largest, lane);
  // Index order matters from here: each thread owns a contiguous chunk.
  let chunk = (dims.V + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE;
  let end = min(dims.V, (lane + 1u) * chunk);
  var mine = 0.0;
  for (var v = lane * chunk; v < end; v++) {
    mine += weight(logits[row + v], largest, least);
  }
  chunk_mass[lane] = mine;
  if (lane == 0u) {
    chosen = best;
  }
  workgroupBarrier();
  var before = 0.0;
  var total = 0.0;
  for (var j = 0u; j < WORKGROUP_SIZE; j++) {
    before = select(before, total, j == lane);
    total += chunk_mass[j];
  }
  let goal = unit(threefry2x32(vec2<u32>(control[0], control[1]), vec2<u32>(control[2], r)).x) * total;
  if (before <= goal && goal < before + mine) {
    for (var v = lane * chunk; v < end; v++) {
      let w = weight(logits[row + v], largest, least);
      // The last of positive weight stays chosen where rounding keeps the sum from passing.
      if (w > 0.0) {
        chosen = v;
        before += w;
        if (before > goal) {
          break;
        }
      }
    }
  }
  workgroupBarrier();
  if (lane == 0u) {
    token[r] = chosen;
    prob[r] = weight(logits[row + chosen], largest, least) / total;
  }
}
