// partial[i] = SUM inp^2 over the i-th contiguous chunk of ceil(size / partials). One thread a chunk: no barriers. An element
// is one number, or four where a chunk's length allows; two sums run side by side. A chunk past the end is an empty sum, so
// every partial is written.
const WORKGROUP_SIZE: u32 = 16u;

struct Dims {
  size: u32,
  partials: u32,
}

@group(0) @binding(0) var<storage, read> inp: array<Element>; // (size)
@group(0) @binding(1) var<storage, read_write> partial: array<f32>; // (partials)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = linear_workgroup_id(workgroup_id, num_workgroups) * WORKGROUP_SIZE + lane;
  if (i >= dims.partials) {
    return;
  }
  let chunk = (dims.size + dims.partials - 1u) / dims.partials / ELEMENT_SIZE;
  let end = min(dims.size / ELEMENT_SIZE, (i + 1u) * chunk);
  var even = Element();
  var odd = Element();
  var k = i * chunk;
  for (; k + 1u < end; k += 2u) {
    even += inp[k] * inp[k];
    odd += inp[k + 1u] * inp[k + 1u];
  }
  if (k < end) {
    even += inp[k] * inp[k];
  }
  partial[i] = element_sum(even + odd);
}
