// out[r, h] = SUM_t softmax_t(q . k_t / sqrt(HS)) v_t, t in [0, pos[r]]: the token at pos from qkv, earlier ones from the cache.
// One workgroup a row and head walks the keys 64 at a time, one key a thread for the scores, one channel a thread for the mix
// (online softmax: Milakov, Gimelshein, arXiv 1805.02867), so any T fits the workgroup's memory. The current key and value are
// stored once for each key head; nobody reads them here, since other workgroups may not have been stored yet.
// Needs SLOTS = ceil(HS / 64).
const WORKGROUP_SIZE: u32 = 64u;
const LOWEST: f32 = -1e30;

struct Dims {
  R: u32,
  T: u32,
  NH: u32,
  NKV: u32,
  HS: u32,
}

@group(0) @binding(0) var<storage, read> qkv: array<f32>; // (R, (NH + 2 NKV) HS)
@group(0) @binding(1) var<storage, read_write> cache: array<f32>; // (R, 2, T, NKV HS)
@group(0) @binding(2) var<storage, read> pos: array<u32>; // (R)
@group(0) @binding(3) var<storage, read_write> out: array<f32>; // (R, NH HS)
@group(1) @binding(0) var<uniform> dims: Dims;

var<workgroup> scores: array<f32, WORKGROUP_SIZE>;
var<workgroup> weights: array<f32, WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let id = linear_workgroup_id(workgroup_id, num_workgroups);
  if (id >= dims.R * dims.NH) {
    return;
  }
  let r = id / dims.NH;
  let h = id % dims.NH;
  let kv = dims.NKV * dims.HS;
  let width = dims.NH * dims.HS + 2u * kv;
  let kv_head = h * dims.NKV / dims.NH;
  let current = pos[r];
  let q = r * width + h * dims.HS;
  let k_now = r * width + (dims.NH + kv_head) * dims.HS;
  let v_now = k_now + kv;
  let keys = 2u * r * dims.T * kv + kv_head * dims.HS;
  let values = keys + dims.T * kv;
  let scale = 1.0 / sqrt(f32(dims.HS));

  if (h * dims.NKV % dims.NH < dims.NKV) {
    for (var d = lane; d < dims.HS; d += WORKGROUP_SIZE) {
      cache[keys + current * kv + d] = qkv[k_now + d];
      cache[values + current * kv + d] = qkv[v_now + d];
    }
  }

  var largest = LOWEST;
  var sum = 0.0;
  var mix: array<f32, SLOTS>;
  for (var base = 0u; base <= current; base += WORKGROUP_SIZE) {
    let t = base + lane;
    var score = 0.0;
    if (t < current) {
      for (var d = 0u; d < dims.HS; d++) {
        score += qkv[q + d] * cache[keys + t * kv + d];
      }
    } else {
      for (var d = 0u; d < dims.HS; d++) {
        score += qkv[q + d] * qkv[k_now + d];
      }
    }
    score *= scale;
    scores[lane] = score; // lanes past the current key repeat its score; nobody counts them
    workgroupBarrier();
    let count = min(WORKGROUP_SIZE, current + 1u - base);
    let before = largest;
    for (var j = 0u; j < count; j++) {
      largest = max(largest, scores[j]);
    }
    weights[lane] = exp(score - largest);
    workgroupBarrier();
    let rescale = exp(before - largest);
    sum *= rescale;
    for (var j = 0u; j < count; j++) {
      sum += weights[j];
    }
    for (var slot = 0u; slot < SLOTS; slot++) {
      let d = slot * WORKGROUP_SIZE + lane;
      if (d < dims.HS) {
        mix[slot] *= rescale;
        for (var j = 0u; j < count && base + j < current; j++) {
          mix[slot] += weights[j] * cache[values + (base + j) * kv + d];
        }
        if (base + count > current) {
          mix[slot] += weights[count - 1u] * qkv[v_now + d];
        }
      }
    }
  }
  for (var slot = 0u; slot < SLOTS; slot++) {
    let d = slot * WORKGROUP_SIZE + lane;
    if (d < dims.HS) {
      out[id * dims.HS + d] = mix[slot] / sum;
    }
  }
}
