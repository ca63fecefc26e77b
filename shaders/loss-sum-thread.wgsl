// out[0] += SUM loss mask, out[1] += SUM mask. One thread, four sums of each side by side: no barriers. A micro-step has some
// thousands of rows, which is less work than the barriers of a workgroup cost on a software adapter.
struct Dims {
  size: u32,
}

@group(0) @binding(0) var<storage, read> loss: array<f32>; // (size)
@group(0) @binding(1) var<storage, read> mask: array<f32>; // (size)
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // (2)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(1)
fn main() {
  var total = vec4<f32>();
  var targets = vec4<f32>();
  var i = 0u;
  for (; i + 3u < dims.size; i += 4u) {
    let counts = vec4<f32>(mask[i], mask[i + 1u], mask[i + 2u], mask[i + 3u]);
    total += counts * vec4<f32>(loss[i], loss[i + 1u], loss[i + 2u], loss[i + 3u]);
    targets += counts;
  }
  for (; i < dims.size; i++) {
    total.x += loss[i] * mask[i];
    targets.x += mask[i];
  }
  out[0] += total.x + total.y + total.z + total.w;
  out[1] += targets.x + targets.y + targets.z + targets.w;
}
