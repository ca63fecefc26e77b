// delta = dout . out; dq = sum over the visible keys of p (dout . v - delta) k / sqrt(HS), p = exp(q . k / sqrt(HS) - lse). One
// thread a query and head, as in attention-backward-q.wgsl, with a head's vector as one value of type Head (lib/head-*.wgsl).
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
  if (i >= dims.B * dims.NH * dims.T) {
    return;
  }
  let t = i % dims.T;
  let h = i / dims.T % dims.NH;
  let sequence = i / (dims.T * dims.NH) * dims.T;
  let n = sequence + t;
  let row = n * dims.NH + h;
  let stride = dims.NH + 2u * dims.NKV;
  let scale = inverseSqrt(f32(dims.HS));
  let q = head_scale(read_qkv(n * stride + h), scale);
  let o = dout[row];
  let row_delta = head_dot(o, read_out(row));
  let row_lse = lse[row];
  delta[row] = row_delta;

  var dq = Head();
  var k = (sequence + start[n]) * stride + dims.NH + h / (dims.NH / dims.NKV);
  for (var s = start[n]; s <= t; s++) {
    let key = read_qkv(k);
    let p = exp(head_dot(q, key) - row_lse);
    let ds = p * (head_dot(o, read_qkv(k + dims.NKV)) - row_delta);
    dq = head_add(dq, ds, key);
    k += stride;
  }
  dqkv[n * stride + h] = head_scale(dq, scale);
}
