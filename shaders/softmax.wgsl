// out[n] = exp(inp[n] - max) / sum. One thread a row: no barriers, which cost more than the row on a software adapter. An element
// is one number, or four where C allows. Powers are taken twice: there another load and store cost more than an exp.
struct Dims { N: u32, C: u32 }

@group(0) @binding(0) var<storage, read> inp: array<Element>; // (N, C)
@group(0) @binding(1) var<storage, read_write> out: array<Element>; // (N, C)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let n = linear_workgroup_id(workgroup_id, num_workgroups) * 64u + lane;
  if (n >= dims.N) {
    return;
  }
  let columns = dims.C / ELEMENT_SIZE;
  let first = n * columns;
  let end = first + columns;
  var highest = inp[first];
  for (var i = first + 1u; i < end; i++) {
    highest = max(highest, inp[i]);
  }
  let largest = element_max(highest);
  var sums = Element();
  for (var i = first; i < end; i++) {
    sums += exp(inp[i] - largest);
  }
  let scale = 1.0 / element_sum(sums);
  for (var i = first; i < end; i++) {
    out[i] = exp(inp[i] - largest) * scale;
  }
}
