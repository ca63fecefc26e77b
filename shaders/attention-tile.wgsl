// out = softmax over the visible keys of q . k / sqrt(HS), times v; lse = log of the sum of exponentials. One workgroup takes 64
// queries of a head and goes through their keys in tiles of TILE: half of its threads fetch a key each, half a value, then
// every thread works through the tile for its own query.
struct Dims { B: u32, T: u32, NH: u32, NKV: u32, HS: u32 }

@group(0) @binding(0) var<storage, read> qkv: array<ElementQkv>; // (N, NH + 2 NKV) heads
@group(0) @binding(1) var<storage, read> start: array<u32>; // (N)
@group(0) @binding(2) var<storage, read_write> out: array<ElementOut>; // (N, NH) heads
@group(0) @binding(3) var<storage, read_write> lse: array<f32>; // (N, NH)
@group(1) @binding(0) var<uniform> dims: Dims;

const WORKGROUP_SIZE: u32 = 64u; // at least 2 TILE
var<workgroup> keys: array<Head, TILE>;
var<workgroup> values: array<Head, TILE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let group = linear_workgroup_id(workgroup_id, num_workgroups);
  let blocks = (dims.T + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE;
  if (group >= dims.B * dims.NH * blocks) {
    return;
  }
  let block = group % blocks * WORKGROUP_SIZE;
  let h = group / blocks % dims.NH;
  let sequence = group / (blocks * dims.NH) * dims.T;
  let last = min(block + WORKGROUP_SIZE, dims.T) - 1u;
  let t = min(block + lane, last); // past the end the last query stands in; what it gives is not stored
  let n = sequence + t;
  let row = n * dims.NH + h;
  let stride = dims.NH + 2u * dims.NKV;
  let kv_head = dims.NH + h / (dims.NH / dims.NKV);
  let first = start[n];
  // Read by every thread alike, so that the loop over tiles is uniform.
  var earliest = last;
  for (var i = block; i <= last; i++) {
    earliest = min(earliest, start[sequence + i]);
  }
  let q = head_scale(read_qkv(n * stride + h), inverseSqrt(f32(dims.HS)));
  var sum = Head();
  var largest = -1e30;
  var total = 0.0;
  for (var tile = earliest; tile <= last; tile += TILE) {
    workgroupBarrier(); // the tile before is used up
    let loaded = tile + lane % TILE;
    if (loaded <= last) {
      let at = (sequence + loaded) * stride + kv_head;
      if (lane < TILE) {
        keys[lane] = read_qkv(at);
      } else if (lane < 2u * TILE) {
        values[lane - TILE] = read_qkv(at + dims.NKV);
      }
    }
    workgroupBarrier();
    let end = min(tile + TILE, t + 1u);
    for (var s = max(tile, first); s < end; s++) {
      let score = head_dot(q, keys[s - tile]);
      if (score > largest) {
        let shrink = exp(largest - score);
        total *= shrink;
        sum = head_scale(sum, shrink);
        largest = score;
      }
      let p = exp(score - largest);
      total += p;
      sum = head_add(sum, p, values[s - tile]);
    }
  }
  if (block + lane < dims.T) {
    write_out(row, head_scale(sum, 1.0 / total));
    lse[row] = largest + log(total);
  }
}
