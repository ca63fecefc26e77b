// dweight += sum over n of dout z, dbias += sum over n of dout, z the normalised input. One workgroup takes TILE_COLUMNS
// columns; its ROW_LANES threads a column each take every ROW_LANES-th row, and the first adds up theirs in order. So a GPU
// with more cores than columns is busy.
const TILE_COLUMNS: u32 = 16u;
const ROW_LANES: u32 = 16u;
struct Dims { N: u32, C: u32 }

@group(0) @binding(0) var<storage, read> inp: array<f32>; // (N, C)
@group(0) @binding(1) var<storage, read> mean: array<f32>; // (N)
@group(0) @binding(2) var<storage, read> rstd: array<f32>; // (N)
@group(0) @binding(3) var<storage, read> dout: array<f32>; // (N, C)
@group(0) @binding(4) var<storage, read_write> dweight: array<f32>; // (C)
@group(0) @binding(5) var<storage, read_write> dbias: array<f32>; // (C)
@group(1) @binding(0) var<uniform> dims: Dims;

var<workgroup> weight_parts: array<f32, TILE_COLUMNS * ROW_LANES>;
var<workgroup> bias_parts: array<f32, TILE_COLUMNS * ROW_LANES>;

@compute @workgroup_size(TILE_COLUMNS * ROW_LANES)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let c = linear_workgroup_id(workgroup_id, num_workgroups) * TILE_COLUMNS + lane % TILE_COLUMNS;
  var weight_sum = 0.0;
  var bias_sum = 0.0;
  if (c < dims.C) {
    for (var n = lane / TILE_COLUMNS; n < dims.N; n += ROW_LANES) {
      let d = dout[n * dims.C + c];
      weight_sum += d * (inp[n * dims.C + c] - mean[n]) * rstd[n];
      bias_sum += d;
    }
  }
  weight_parts[lane] = weight_sum;
  bias_parts[lane] = bias_sum;
  workgroupBarrier();
  if (lane < TILE_COLUMNS && c < dims.C) {
    for (var r = 1u; r < ROW_LANES; r++) {
      weight_sum += weight_parts[r * TILE_COLUMNS + lane];
      bias_sum += bias_parts[r * TILE_COLUMNS + lane];
    }
    dweight[c] += weight_sum;
    dbias[c] += bias_sum;
  }
}
