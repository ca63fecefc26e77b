// out[0] += SUM loss mask, out[1] += SUM mask. One workgroup: each thread strides over the rows, then a tree of fixed shape.
const WORKGROUP_SIZE: u32 = 256u;

struct Dims {
  size: u32,
}

@group(0) @binding(0) var<storage, read> loss: array<f32>; // (size)
@group(0) @binding(1) var<storage, read> mask: array<f32>; // (size)
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // (2)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(local_invocation_index) lane: u32) {
  var total = 0.0;
  var targets = 0.0;
  for (var i = lane; i < dims.size; i += WORKGROUP_SIZE) {
    total += loss[i] * mask[i];
    targets += mask[i];
  }
  total = reduce_sum(total, lane);
  targets = reduce_sum(targets, lane);
  if (lane == 0u) {
    out[0] += total;
    out[1] += targets;
  }
}
