// out[h, t, s] = softmax over the visible keys s of q[t, h] . k[s] / sqrt(HS), and 0 elsewhere. One thread a query and head,
// which walks its row twice: scores and their maximum, then exponentials. For looking at one sequence, so plain is fast enough.
struct Dims { T: u32, NH: u32, NKV: u32, HS: u32 }

@group(0) @binding(0) var<storage, read> qkv: array<f32>; // (T, (NH + 2 NKV) HS)
@group(0) @binding(1) var<storage, read> start: array<u32>; // (T)
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // (NH, T, T)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = linear_workgroup_id(workgroup_id, num_workgroups) * 64u + lane;
  if (i >= dims.NH * dims.T) {
    return;
  }
  let h = i / dims.T;
  let t = i % dims.T;
  let stride = (dims.NH + 2u * dims.NKV) * dims.HS;
  let q = t * stride + h * dims.HS;
  let key = (dims.NH + h / (dims.NH / dims.NKV)) * dims.HS;
  let row = i * dims.T;
  let first = start[t];
  let scale = inverseSqrt(f32(dims.HS));

  var largest = -1e30;
  for (var s = 0u; s < dims.T; s++) {
    var score = 0.0;
    if (s >= first && s <= t) {
      let k = s * stride + key;
      for (var d = 0u; d < dims.HS; d++) {
        score += qkv[q + d] * qkv[k + d];
      }
      score *= scale;
      largest = max(largest, score);
    }
    out[row + s] = score;
  }
  var sum = 0.0;
  for (var s = first; s <= t; s++) {
    let p = exp(out[row + s] - largest);
    out[row + s] = p;
    sum += p;
  }
  for (var s = first; s <= t; s++) {
    out[row + s] /= sum;
  }
}
