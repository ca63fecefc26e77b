// out = (inp - mean) rstd weight + bias, rstd = 1 / sqrt(variance + eps). One workgroup a row: neighbouring threads read
// neighbouring columns. An element is one number, or four where C allows.
// The variance is of x minus a first mean, and that first mean is corrected by what the second pass finds left over (the
// corrected two-pass algorithm; Chan, Golub, LeVeque 1983): a row of large, nearly equal numbers keeps its digits.
const WORKGROUP_SIZE: u32 = 64u;
struct Dims { N: u32, C: u32, eps: f32 }

@group(0) @binding(0) var<storage, read> inp: array<Element>; // (N, C)
@group(0) @binding(1) var<storage, read> weight: array<Element>; // (C)
@group(0) @binding(2) var<storage, read> bias: array<Element>; // (C)
@group(0) @binding(3) var<storage, read_write> out: array<ElementOut>; // (N, C)
@group(0) @binding(4) var<storage, read_write> mean: array<f32>; // (N)
@group(0) @binding(5) var<storage, read_write> rstd: array<f32>; // (N)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let n = linear_workgroup_id(workgroup_id, num_workgroups);
  if (n >= dims.N) {
    return;
  }
  let columns = dims.C / ELEMENT_SIZE;
  let row = n * columns;
  let count = f32(dims.C);
  var sum = Element();
  for (var c = lane; c < columns; c += WORKGROUP_SIZE) {
    sum += inp[row + c];
  }
  let first_mean = reduce_sum(element_sum(sum), lane) / count;
  var rest = Element();
  var squares = Element();
  for (var c = lane; c < columns; c += WORKGROUP_SIZE) {
    let d = inp[row + c] - first_mean;
    rest += d;
    squares += d * d;
  }
  let shift = reduce_sum(element_sum(rest), lane) / count;
  let m = first_mean + shift;
  let r = inverseSqrt(max(reduce_sum(element_sum(squares), lane) / count - shift * shift, 0.0) + dims.eps);
  for (var c = lane; c < columns; c += WORKGROUP_SIZE) {
    write_out(row + c, (inp[row + c] - m) * r * weight[c] + bias[c]);
  }
  if (lane == 0u) {
    mean[n] = m;
    rstd[n] = r;
  }
}
