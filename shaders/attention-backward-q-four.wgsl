// delta = dout . out; dq = sum over the visible keys of p (dout . v - delta) k / sqrt(HS), p = exp(q . k / sqrt(HS) - lse). One
// thread takes four queries of a head, so that a key and a value once loaded serve four, as in attention-four.wgsl.
struct Dims { B: u32, T: u32, NH: u32, NKV: u32, HS: u32 }

@group(0) @binding(0) var<storage, read> qkv: array<ElementQkv>; // (N, NH + 2 NKV) heads
@group(0) @binding(1) var<storage, read> start: array<u32>; // (N)
@group(0) @binding(2) var<storage, read> out: array<ElementOut>; // (N, NH) heads
@group(0) @binding(3) var<storage, read> dout: array<Head>; // (N, NH) heads
@group(0) @binding(4) var<storage, read> lse: array<f32>; // (N, NH)
@group(0) @binding(5) var<storage, read_write> delta: array<f32>; // (N, NH)
@group(0) @binding(6) var<storage, read_write> dqkv: array<Head>; // (N, NH + 2 NKV) heads, its q part
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = linear_workgroup_id(workgroup_id, num_workgroups) * 64u + lane;
  let fours = (dims.T + 3u) / 4u;
  if (i >= dims.B * dims.NH * fours) {
    return;
  }
  let t = i % fours * 4u;
  let h = i / fours % dims.NH;
  let sequence = i / (fours * dims.NH) * dims.T;
  let stride = dims.NH + 2u * dims.NKV;
  let scale = inverseSqrt(f32(dims.HS));
  // Past the end of the sequence the last query stands in; what it gives is not stored.
  let ts = min(vec4<u32>(t, t + 1u, t + 2u, t + 3u), vec4<u32>(dims.T - 1u));
  let n = sequence + ts;
  let first = vec4<u32>(start[n.x], start[n.y], start[n.z], start[n.w]);
  let earliest = min(min(first.x, first.y), min(first.z, first.w));
  let row = n * dims.NH + h;
  let row_lse = vec4<f32>(lse[row.x], lse[row.y], lse[row.z], lse[row.w]);
  let q0 = head_scale(read_qkv(n[0] * stride + h), scale);
  let q1 = head_scale(read_qkv(n[1] * stride + h), scale);
  let q2 = head_scale(read_qkv(n[2] * stride + h), scale);
  let q3 = head_scale(read_qkv(n[3] * stride + h), scale);
  let o0 = dout[row[0]];
  let o1 = dout[row[1]];
  let o2 = dout[row[2]];
  let o3 = dout[row[3]];
  var dq0 = Head();
  var dq1 = Head();
  var dq2 = Head();
  var dq3 = Head();
  let row_delta = vec4<f32>(head_dot(o0, read_out(row.x)), head_dot(o1, read_out(row.y)), head_dot(o2, read_out(row.z)), head_dot(o3, read_out(row.w)));

  var k = (sequence + earliest) * stride + dims.NH + h / (dims.NH / dims.NKV);
  for (var s = earliest; s <= ts.w; s++) {
    let key = read_qkv(k);
    let value = read_qkv(k + dims.NKV);
    let visible = (vec4<u32>(s) >= first) & (vec4<u32>(s) <= ts);
    let scores = vec4<f32>(head_dot(q0, key), head_dot(q1, key), head_dot(q2, key), head_dot(q3, key));
    let dps = vec4<f32>(head_dot(o0, value), head_dot(o1, value), head_dot(o2, value), head_dot(o3, value));
    // Selected before exp: the score of a key that a query may not see can lie far above its lse.
    let p = exp(select(vec4<f32>(-1e30), scores - row_lse, visible));
    let ds = p * (dps - row_delta);
    dq0 = head_add(dq0, ds[0], key);
    dq1 = head_add(dq1, ds[1], key);
    dq2 = head_add(dq2, ds[2], key);
    dq3 = head_add(dq3, ds[3], key);
    k += stride;
  }
  delta[row.x] = row_delta.x;
  dqkv[n.x * stride + h] = head_scale(dq0, scale);
  if (t + 1u < dims.T) {
    delta[row[1]] = row_delta[1];
    dqkv[n[1] * stride + h] = head_scale(dq1, scale);
  }
  if (t + 2u < dims.T) {
    delta[row[2]] = row_delta[2];
    dqkv[n[2] * stride + h] = head_scale(dq2, scale);
  }
  if (t + 3u < dims.T) {
    delta[row[3]] = row_delta[3];
    dqkv[n[3] * stride + h] = head_scale(dq3, scale);
  }
}
