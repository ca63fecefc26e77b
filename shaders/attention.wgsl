// out = softmax over the visible keys of q . k / sqrt(HS), times v; lse = log of the sum of exponentials. One thread a query
// and head, with q and the growing sum in registers; neighbouring threads are neighbouring queries of one head, so a
// workgroup reads the same keys at once. The sum is rescaled only when the maximum grows (Milakov, Gimelshein 2018).
const Q4: u32 = HEAD_SIZE / 4u;
struct Dims { B: u32, T: u32, NH: u32, NKV: u32, HS: u32 }

@group(0) @binding(0) var<storage, read> qkv: array<ElementQkv>; // (N, (NH + 2 NKV) HS) / 4
@group(0) @binding(1) var<storage, read> start: array<u32>; // (N)
@group(0) @binding(2) var<storage, read_write> out: array<ElementOut>; // (N, NH HS) / 4
@group(0) @binding(3) var<storage, read_write> lse: array<f32>; // (N, NH)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = linear_workgroup_id(workgroup_id, num_workgroups) * 64u + lane;
  if (i >= dims.B * dims.NH * dims.T) {
    return;
  }
  let t = i % dims.T;
  let h = i / dims.T % dims.NH;
  let sequence = i / (dims.T * dims.NH) * dims.T;
  let n = sequence + t;
  let stride = (dims.NH + 2u * dims.NKV) * Q4;
  let kv_head = h / (dims.NH / dims.NKV);
  let scale = inverseSqrt(f32(HEAD_SIZE));

  var q: array<vec4<f32>, Q4>;
  var sum: array<vec4<f32>, Q4>;
  for (var d = 0u; d < Q4; d++) {
    q[d] = read_qkv(n * stride + h * Q4 + d) * scale;
    sum[d] = vec4<f32>(0.0);
  }
  var largest = -1e30;
  var total = 0.0;
  var k = (sequence + start[n]) * stride + (dims.NH + kv_head) * Q4;
  for (var s = start[n]; s <= t; s++) {
    var dots = vec4<f32>(0.0);
    for (var d = 0u; d < Q4; d++) {
      dots += q[d] * read_qkv(k + d);
    }
    let score = dots.x + dots.y + dots.z + dots.w;
    if (score > largest) {
      let shrink = exp(largest - score);
      total *= shrink;
      for (var d = 0u; d < Q4; d++) {
        sum[d] *= shrink;
      }
      largest = score;
    }
    let p = exp(score - largest);
    total += p;
    let v = k + dims.NKV * Q4;
    for (var d = 0u; d < Q4; d++) {
      sum[d] += p * read_qkv(v + d);
    }
    k += stride;
  }
  for (var d = 0u; d < Q4; d++) {
    write_out((n * dims.NH + h) * Q4 + d, sum[d] / total);
  }
  lse[n * dims.NH + h] = largest + log(total);
}
