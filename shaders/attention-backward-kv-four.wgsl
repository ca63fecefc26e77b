// dv = sum of p dout, dk = sum of p (dout . v - delta) q / sqrt(HS), over every query that sees the key: heads of the group in
// order, queries in order, p = exp(q . k / sqrt(HS) - lse). One thread takes four keys of a head, so that a query and its
// gradient once loaded serve four; four times k, v, dk and dv fill the registers, so it is for small heads.
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
  let fours = (dims.T + 3u) / 4u;
  if (i >= dims.B * dims.NKV * fours) {
    return;
  }
  let s = i % fours * 4u;
  let kv_head = i / fours % dims.NKV;
  let sequence = i / (fours * dims.NKV) * dims.T;
  let stride = dims.NH + 2u * dims.NKV;
  let group = dims.NH / dims.NKV;
  let scale = inverseSqrt(f32(dims.HS));
  // Past the end of the sequence the last key stands in; what it gets is not stored.
  let ss = min(vec4<u32>(s, s + 1u, s + 2u, s + 3u), vec4<u32>(dims.T - 1u));
  let k_at = (sequence + ss) * stride + dims.NH + kv_head;
  let v_at = k_at + dims.NKV;
  let k0 = head_scale(read_qkv(k_at[0]), scale);
  let k1 = head_scale(read_qkv(k_at[1]), scale);
  let k2 = head_scale(read_qkv(k_at[2]), scale);
  let k3 = head_scale(read_qkv(k_at[3]), scale);
  let v0 = read_qkv(v_at[0]);
  let v1 = read_qkv(v_at[1]);
  let v2 = read_qkv(v_at[2]);
  let v3 = read_qkv(v_at[3]);
  var dk0 = Head();
  var dk1 = Head();
  var dk2 = Head();
  var dk3 = Head();
  var dv0 = Head();
  var dv1 = Head();
  var dv2 = Head();
  var dv3 = Head();

  for (var h = kv_head * group; h < (kv_head + 1u) * group; h++) {
    for (var t = s; t < dims.T; t++) {
      let n = sequence + t;
      let row = n * dims.NH + h;
      let q = read_qkv(n * stride + h);
      let o = dout[row];
      let visible = (ss <= vec4<u32>(t)) & (ss >= vec4<u32>(start[n]));
      let scores = vec4<f32>(head_dot(q, k0), head_dot(q, k1), head_dot(q, k2), head_dot(q, k3));
      let dps = vec4<f32>(head_dot(o, v0), head_dot(o, v1), head_dot(o, v2), head_dot(o, v3));
      // Selected before exp: the score of a key that the query may not see can lie far above its lse.
      let p = exp(select(vec4<f32>(-1e30), scores - lse[row], visible));
      let ds = p * (dps - delta[row]);
      dk0 = head_add(dk0, ds[0], q);
      dk1 = head_add(dk1, ds[1], q);
      dk2 = head_add(dk2, ds[2], q);
      dk3 = head_add(dk3, ds[3], q);
      dv0 = head_add(dv0, p[0], o);
      dv1 = head_add(dv1, p[1], o);
      dv2 = head_add(dv2, p[2], o);
      dv3 = head_add(dv3, p[3], o);
    }
  }
  dqkv[k_at.x] = head_scale(dk0, scale);
  dqkv[v_at.x] = dv0;
  if (s + 1u < dims.T) {
    dqkv[k_at[1]] = head_scale(dk1, scale);
    dqkv[v_at[1]] = dv1;
  }
  if (s + 2u < dims.T) {
    dqkv[k_at[2]] = head_scale(dk2, scale);
    dqkv[v_at[2]] = dv2;
  }
  if (s + 3u < dims.T) {
    dqkv[k_at[3]] = head_scale(dk3, scale);
    dqkv[v_at[3]] = dv3;
  }
}
