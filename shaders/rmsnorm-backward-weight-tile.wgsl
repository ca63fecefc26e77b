// dweight += sum over n of dout inp rstd. One workgroup takes TILE_COLUMNS columns; its ROW_LANES threads a column each take
// every ROW_LANES-th row, and the first adds up theirs in order. So a GPU with more cores than columns is busy.
const TILE_COLUMNS: u32 = 16u;
const ROW_LANES: u32 = 16u;
struct Dims { N: u32, C: u32 }

@group(0) @binding(0) var<storage, read> inp: array<f32>; // (N, C)
@group(0) @binding(1) var<storage, read> rstd: array<f32>; // (N)
@group(0) @binding(2) var<storage, read> dout: array<f32>; // (N, C)
@group(0) @binding(3) var<storage, read_write> dweight: array<f32>; // (C)
@group(1) @binding(0) var<uniform> dims: Dims;

var<workgroup> parts: array<f32, TILE_COLUMNS * ROW_LANES>;

@compute @workgroup_size(TILE_COLUMNS * ROW_LANES)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let c = linear_workgroup_id(workgroup_id, num_workgroups) * TILE_COLUMNS + lane % TILE_COLUMNS;
  var sum = 0.0;
  if (c < dims.C) {
    for (var n = lane / TILE_COLUMNS; n < dims.N; n += ROW_LANES) {
      sum += dout[n * dims.C + c] * (inp[n * dims.C + c] * rstd[n]);
    }
  }
  parts[lane] = sum;
  workgroupBarrier();
  if (lane < TILE_COLUMNS && c < dims.C) {
    for (var r = 1u; r < ROW_LANES; r++) {
      sum += parts[r * TILE_COLUMNS + lane];
    }
    dweight[c] += sum;
  }
}
