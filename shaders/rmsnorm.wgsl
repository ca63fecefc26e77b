// out = inp rstd weight, rstd = 1 / sqrt(average of inp^2 + eps). One thread a row: no barriers. An element is one number, or
// four where C allows.
struct Dims { N: u32, C: u32, eps: f32 }

@group(0) @binding(0) var<storage, read> inp: array<Element>; // (N, C)
@group(0) @binding(1) var<storage, read> weight: array<Element>; // (C)
@group(0) @binding(2) var<storage, read_write> out: array<ElementOut>; // (N, C)
@group(0) @binding(3) var<storage, read_write> rstd: array<f32>; // (N)
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
  var squares = Element();
  for (var c = 0u; c < columns; c++) {
    squares += inp[row + c] * inp[row + c];
  }
  let r = inverseSqrt(element_sum(squares) / f32(dims.C) + dims.eps);
  for (var c = 0u; c < columns; c++) {
    write_out(row + c, inp[row + c] * r * weight[c]);
  }
  rstd[n] = r;
}
