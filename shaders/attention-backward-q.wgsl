// delta = dout . out; dq = sum over the visible keys of p (dout . v - delta) k / sqrt(HS), p = exp(q . k / sqrt(HS) - lse).
// One thread a query and head, with q, dout and dq in registers; neighbouring threads are neighbouring queries of one head.
const Q4: u32 = HEAD_SIZE / 4u;
struct Dims { B: u32, T: u32, NH: u32, NKV: u32, HS: u32 }

@group(0) @binding(0) var<storage, read> qkv: array<ElementQkv>; // (N, (NH + 2 NKV) HS) / 4
@group(0) @binding(1) var<storage, read> start: array<u32>; // (N)
@group(0) @binding(2) var<storage, read> out: array<ElementOut>; // (N, NH HS) / 4
@group(0) @binding(3) var<storage, read> dout: array<vec4<f32>>; // (N, NH HS) / 4
@group(0) @binding(4) var<storage, read> lse: array<f32>; // (N, NH)
@group(0) @binding(5) var<storage, read_write> delta: array<f32>; // (N, NH)
@group(0) @binding(6) var<storage, read_write> dqkv: array<vec4<f32>>; // (N, (NH + 2 NKV) HS) / 4, its q part
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
  let row = n * dims.NH + h;
  let stride = (dims.NH + 2u * dims.NKV) * Q4;
  let kv_head = h / (dims.NH / dims.NKV);
  let scale = inverseSqrt(f32(HEAD_SIZE));

  var q: array<vec4<f32>, Q4>;
  var o: array<vec4<f32>, Q4>;
  var dq: array<vec4<f32>, Q4>;
  var deltas = vec4<f32>(0.0);
  for (var d = 0u; d < Q4; d++) {
    q[d] = read_qkv(n * stride + h * Q4 + d) * scale;
    o[d] = dout[row * Q4 + d];
    dq[d] = vec4<f32>(0.0);
    deltas += o[d] * read_out(row * Q4 + d);
  }
  let row_delta = deltas.x + deltas.y + deltas.z + deltas.w;
  delta[row] = row_delta;
  let row_lse = lse[row];
  var k = (sequence + start[n]) * stride + (dims.NH + kv_head) * Q4;
  for (var s = start[n]; s <= t; s++) {
    let v = k + dims.NKV * Q4;
    var dots = vec4<f32>(0.0);
    var dps = vec4<f32>(0.0);
    for (var d = 0u; d < Q4; d++) {
      dots += q[d] * read_qkv(k + d);
      dps += o[d] * read_qkv(v + d);
    }
    let p = exp(dots.x + dots.y + dots.z + dots.w - row_lse);
    let ds = p * (dps.x + dps.y + dps.z + dps.w - row_delta);
    for (var d = 0u; d < Q4; d++) {
      dq[d] += ds * read_qkv(k + d);
    }
    k += stride;
  }
  for (var d = 0u; d < Q4; d++) {
    dqkv[n * stride + h * Q4 + d] = dq[d] * scale;
  }
}
