// out = softmax over the visible keys of q . k / sqrt(HS), times v; lse = log of the sum of exponentials. One thread a query
// and head, as in attention.wgsl, with a head's vector as one value of type Head (lib/head-*.wgsl), so that it stays in registers.
struct Dims { B: u32, T: u32, NH: u32, NKV: u32, HS: u32 }

@group(0) @binding(0) var<storage, read> qkv: array<ElementQkv>; // (N, NH + 2 NKV) heads
@group(0) @binding(1) var<storage, read> start: array<u32>; // (N)
@group(0) @binding(2) var<storage, read_write> out: array<ElementOut>; // (N, NH) heads
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
  let stride = dims.NH + 2u * dims.NKV;
  let q = head_scale(read_qkv(n * stride + h), inverseSqrt(f32(dims.HS)));

  var sum = Head();
  var largest = -1e30;
  var total = 0.0;
  var k = (sequence + start[n]) * stride + dims.NH + h / (dims.NH / dims.NKV);
  for (var s = start[n]; s <= t; s++) {
    let score = head_dot(q, read_qkv(k));
    if (score > largest) {
      let shrink = exp(largest - score);
      total *= shrink;
      sum = head_scale(sum, shrink);
      largest = score;
    }
    let p = exp(score - largest);
    total += p;
    sum = head_add(sum, p, read_qkv(k + dims.NKV));
    k += stride;
  }
  write_out(n * dims.NH + h, head_scale(sum, 1.0 / total));
  lse[n * dims.NH + h] = largest + log(total);
}
