// dv = sum of p dout, dk = sum of p (dout . v - delta) q / sqrt(HS), over every query that sees the key: heads of the group in
// order, queries in order, p = exp(q . k / sqrt(HS) - lse). One workgroup takes 64 keys of a head and goes through the queries
// at or after them in tiles of TILE: half of its threads fetch a query each, half its gradient.
struct Dims { B: u32, T: u32, NH: u32, NKV: u32, HS: u32 }

@group(0) @binding(0) var<storage, read> qkv: array<ElementQkv>; // (N, NH + 2 NKV) heads
@group(0) @binding(1) var<storage, read> start: array<u32>; // (N)
@group(0) @binding(2) var<storage, read> dout: array<Head>; // (N, NH) heads
@group(0) @binding(3) var<storage, read> lse: array<f32>; // (N, NH)
@group(0) @binding(4) var<storage, read> delta: array<f32>; // (N, NH)
@group(0) @binding(5) var<storage, read_write> dqkv: array<Head>; // (N, NH + 2 NKV) heads, its k and v parts
@group(1) @binding(0) var<uniform> dims: Dims;

const WORKGROUP_SIZE: u32 = 64u; // at least 2 TILE
var<workgroup> queries: array<Head, TILE>;
var<workgroup> gradients: array<Head, TILE>;
var<workgroup> saved: array<vec2<f32>, TILE>; // lse and delta of the query
var<workgroup> starts: array<u32, TILE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let group = linear_workgroup_id(workgroup_id, num_workgroups);
  let blocks = (dims.T + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE;
  if (group >= dims.B * dims.NKV * blocks) {
    return;
  }
  let block = group % blocks * WORKGROUP_SIZE;
  let kv_head = group / blocks % dims.NKV;
  let sequence = group / (blocks * dims.NKV) * dims.T;
  let s = min(block + lane, dims.T - 1u); // past the end the last key stands in; what it gets is not stored
  let stride = dims.NH + 2u * dims.NKV;
  let group_heads = dims.NH / dims.NKV;
  let scale = inverseSqrt(f32(dims.HS));
  let k_at = (sequence + s) * stride + dims.NH + kv_head;
  let v_at = k_at + dims.NKV;
  let k = head_scale(read_qkv(k_at), scale);
  let v = read_qkv(v_at);

  var dk = Head();
  var dv = Head();
  for (var h = kv_head * group_heads; h < (kv_head + 1u) * group_heads; h++) {
    for (var tile = block; tile < dims.T; tile += TILE) {
      workgroupBarrier(); // the tile before is used up
      let n = sequence + tile + lane % TILE;
      if (n < sequence + dims.T) {
        let row = n * dims.NH + h;
        if (lane < TILE) {
          queries[lane] = read_qkv(n * stride + h);
          saved[lane] = vec2<f32>(lse[row], delta[row]);
          starts[lane] = start[n];
        } else if (lane < 2u * TILE) {
          gradients[lane - TILE] = dout[row];
        }
      }
      workgroupBarrier();
      let end = min(tile + TILE, dims.T);
      for (var t = max(tile, s); t < end; t++) {
        let i = t - tile;
        if (starts[i] <= s) {
          let p = exp(head_dot(queries[i], k) - saved[i].x);
          let ds = p * (head_dot(gradients[i], v) - saved[i].y);
          dk = head_add(dk, ds, queries[i]);
          dv = head_add(dv, p, gradients[i]);
        }
      }
    }
  }
  if (block + lane < dims.T) {
    dqkv[k_at] = head_scale(dk, scale);
    dqkv[v_at] = dv;
  }
}
