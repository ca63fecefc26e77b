// dv = sum of p dout, dk = sum of p (dout . v - delta) q / sqrt(HS), over every query that sees the key: heads of the group in
// order, queries in order, p = exp(q . k / sqrt(HS) - lse). One thread a key and key head, as in attention-backward-kv.wgsl,
// with a head's vector as one value of type Head (lib/head-*.wgsl).
struct Dims { B: u32, T: u32, NH: u32, NKV: u32, HS: u32 }

@group(0) @binding(0) var<storage, read> qkv: array<ElementQkv>; // (N, NH + 2 NKV) heads
@group(0) @binding(1) var<storage, read> start: array<u32>; // (N)
@group(0) @binding(2) var<storage, read> dout: array<Head>; // (N, NH) heads
@group(0) @binding(3) var<storage, read> lse: array<f32>; // (N, NH)
@group(0) @binding(4) var<storage, read> delta: array<f32>; // (N, NH)
@group(0) @binding(5) var<storage, read_write> dqkv: array<Head>; // (N, NH + 2 NKV) heads, its k and v parts
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
  let stride = dims.NH + 2u * dims.NKV;
  let group = dims.NH / dims.NKV;
  let scale = inverseSqrt(f32(dims.HS));
  let k_at = (sequence + s) * stride + dims.NH + kv_head;
  let v_at = k_at + dims.NKV;
  let k = head_scale(read_qkv(k_at), scale);
  let v = read_qkv(v_at);

  var dk = Head();
  var dv = Head();
  for (var h = kv_head * group; h < (kv_head + 1u) * group; h++) {
    for (var t = s; t < dims.T; t++) {
      let n = sequence + t;
      if (start[n] > s) {
        continue;
      }
      let row = n * dims.NH + h;
      let q = read_qkv(n * stride + h);
      let o = dout[row];
      let p = exp(head_dot(q, k) - lse[row]);
      let ds = p * (head_dot(o, v) - delta[row]);
      dk = head_add(dk, ds, q);
      dv = head_add(dv, p, o);
    }
  }
  dqkv[k_at] = head_scale(dk, scale);
  dqkv[v_at] = dv;
}
