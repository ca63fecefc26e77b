// dv = sum of p dout, dk = sum of p (dout . v - delta) q / sqrt(HS), over every query that sees the key: heads of the group in
// order, queries in order, p = exp(q . k / sqrt(HS) - lse). One thread a key and key head, with k, v, dk and dv in registers;
// neighbouring threads are neighbouring keys of one head, so a workgroup reads the same queries at once.
const Q4: u32 = HEAD_SIZE / 4u;
struct Dims { B: u32, T: u32, NH: u32, NKV: u32, HS: u32 }

@group(0) @binding(0) var<storage, read> qkv: array<ElementQkv>; // (N, (NH + 2 NKV) HS) / 4
@group(0) @binding(1) var<storage, read> start: array<u32>; // (N)
@group(0) @binding(2) var<storage, read> dout: array<vec4<f32>>; // (N, NH HS) / 4
@group(0) @binding(3) var<storage, read> lse: array<f32>; // (N, NH)
@group(0) @binding(4) var<storage, read> delta: array<f32>; // (N, NH)
@group(0) @binding(5) var<storage, read_write> dqkv: array<vec4<f32>>; // (N, (NH + 2 NKV) HS) / 4, its k and v parts
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = linear_workgroup_id(workgroup_id, num_workgroups) * 64u + lane;
  if (i >= dims.B * dims.NKV * dims.T) {
    return;
  }
  let s = i % dims.T;
  let kv_head = i / dims.T % dims.NKV;
  let sequence = i / (dims.T * dims.NKV) * dims.T;
  let stride = (dims.NH + 2u * dims.NKV) * Q4;
  let group = dims.NH / dims.NKV;
  let scale = inverseSqrt(f32(HEAD_SIZE));
  let k_at = (sequence + s) * stride + (dims.NH + kv_head) * Q4;
  let v_at = k_at + dims.NKV * Q4;

  var k: array<vec4<f32>, Q4>;
  var v: array<vec4<f32>, Q4>;
  var dk: array<vec4<f32>, Q4>;
  var dv: array<vec4<f32>, Q4>;
  for (var d = 0u; d < Q4; d++) {
    k[d] = read_qkv(k_at + d) * scale;
    v[d] = read_qkv(v_at + d);
    dk[d] = vec4<f32>(0.0);
    dv[d] = vec4<f32>(0.0);
  }
  for (var h = kv_head * group; h < (kv_head + 1u) * group; h++) {
    for (var t = s; t < dims.T; t++) {
      let n = sequence + t;
      if (start[n] > s) {
        continue;
      }
      let row = n * dims.NH + h;
      let q = n * stride + h * Q4;
      var dots = vec4<f32>(0.0);
      var dps = vec4<f32>(0.0);
      for (var d = 0u; d < Q4; d++) {
        dots += read_qkv(q + d) * k[d];
        dps += dout[row * Q4 + d] * v[d];
      }
      let p = exp(dots.x + dots.y + dots.z + dots.w - lse[row]);
      let ds = p * (dps.x + dps.y + dps.z + dps.w - delta[row]);
      for (var d = 0u; d < Q4; d++) {
        dk[d] += ds * read_qkv(q + d);
        dv[d] += p * dout[row * Q4 + d];
      }
    }
  }
  for (var d = 0u; d < Q4; d++) {
    dqkv[k_at + d] = dk[d] * scale;
    dqkv[v_at + d] = dv[d];
  }
}
