// dinp = rstd (g - z average(g z)), z = inp rstd, g = weight dout. One thread a row: no barriers. An element is one number, or
// four where C allows.
struct Dims { N: u32, C: u32, accumulate: u32 }

@group(0) @binding(0) var<storage, read> inp: array<Element>; // (N, C)
@group(0) @binding(1) var<storage, read> weight: array<Element>; // (C)
@group(0) @binding(2) var<storage, read> rstd: array<f32>; // (N)
@group(0) @binding(3) var<storage, read> dout: array<Element>; // (N, C)
@group(0) @binding(4) var<storage, read_write> dinp: array<Element>; // (N, C)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(64u)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let n = linear_workgroup_id(workgroup_id, num_workgroups) * 64u + lane;
  if (n >= dims.N) {
    return;
  }
  let columns = dims.C / WIDTH;
  let row = n * columns;
  let r = rstd[n];
  var sums = Element();
  for (var c = 0u; c < columns; c++) {
    sums += weight[c] * dout[row + c] * (inp[row + c] * r);
  }
  let average = element_sum(sums) / f32(dims.C);
  for (var c = 0u; c < columns; c++) {
    var d = r * (weight[c] * dout[row + c] - inp[row + c] * r * average);
    // A branch, since the old value may be NaN where it is not wanted.
    if (dims.accumulate != 0u) {
      d += dinp[row + c];
    }
    dinp[row + c] = d;
  }
}
