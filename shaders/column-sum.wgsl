// out[c] = sum over n of inp[n][c], added to out where accumulate is set: a bias gradient.
// A workgroup takes eight columns (of Elements); 32 invocations stride down the rows of each and the first adds the 32
// partial sums in order: one barrier, and the same bits on every run.
struct Dims {
  N: u32,
  C: u32,
  accumulate: u32,
}

@group(0) @binding(0) var<storage, read> inp: array<Element>; // (N, C)
@group(0) @binding(1) var<storage, read_write> out: array<Element>; // (C)
@group(1) @binding(0) var<uniform> dims: Dims;

const COLUMNS: u32 = 8u;
const SLICES: u32 = 32u;

var<workgroup> partial: array<Element, COLUMNS * SLICES>;

@compute @workgroup_size(COLUMNS * SLICES)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let width = dims.C / ELEMENT_SIZE;
  let column = linear_workgroup_id(workgroup_id, num_workgroups) * COLUMNS + lane % COLUMNS;
  var sum = Element();
  if (column < width) {
    var at = (lane / COLUMNS) * width + column;
    for (var n = lane / COLUMNS; n < dims.N; n += SLICES) {
      sum += inp[at];
      at += SLICES * width;
    }
  }
  partial[lane] = sum;
  workgroupBarrier();
  if (lane < COLUMNS && column < width) {
    for (var slice = 1u; slice < SLICES; slice++) {
      sum += partial[slice * COLUMNS + lane];
    }
    if (dims.accumulate != 0u) {
      sum += out[column];
    }
    out[column] = sum;
  }
}
