// out = (inp - mean) rstd weight + bias, rstd = 1 / sqrt(variance + eps). One thread takes two rows, so that a weight and a bias
// once loaded serve both, and each row is read twice only: mean and squares are gathered in one pass, by sixteen numbers whose
// own mean is taken first and then joined to those before (Chan, Golub, LeVeque 1983). A row of large, nearly equal numbers
// keeps its digits. No barriers; C is a multiple of 16.
const WORKGROUP_SIZE: u32 = 16u;
struct Dims { N: u32, C: u32, eps: f32 }

@group(0) @binding(0) var<storage, read> inp: array<Element>; // (N, C)
@group(0) @binding(1) var<storage, read> weight: array<Element>; // (C)
@group(0) @binding(2) var<storage, read> bias: array<Element>; // (C)
@group(0) @binding(3) var<storage, read_write> out: array<ElementOut>; // (N, C)
@group(0) @binding(4) var<storage, read_write> mean: array<f32>; // (N)
@group(0) @binding(5) var<storage, read_write> rstd: array<f32>; // (N)
@group(1) @binding(0) var<uniform> dims: Dims;

// Mean and rstd of the row that begins here.
fn moments(first: u32, columns: u32) -> vec2<f32> {
  var m = 0.0;
  var count = 0.0;
  var squares = Element();
  for (var i = first; i < first + columns; i += 4u) {
    let x0 = inp[i];
    let x1 = inp[i + 1u];
    let x2 = inp[i + 2u];
    let x3 = inp[i + 3u];
    let own = element_sum((x0 + x1) + (x2 + x3)) / 16.0;
    let d0 = x0 - own;
    let d1 = x1 - own;
    let d2 = x2 - own;
    let d3 = x3 - own;
    squares += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3);
    let apart = own - m;
    let share = 16.0 / (count + 16.0);
    squares[0] += apart * apart * count * share;
    m += apart * share;
    count += 16.0;
  }
  return vec2<f32>(m, inverseSqrt(element_sum(squares) / count + dims.eps));
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let n = 2u * (linear_workgroup_id(workgroup_id, num_workgroups) * WORKGROUP_SIZE + lane);
  if (n >= dims.N) {
    return;
  }
  let columns = dims.C / ELEMENT_SIZE;
  // Past the last row it stands in; both then write the same numbers to the same place.
  let next = min(n + 1u, dims.N - 1u);
  let one = moments(n * columns, columns);
  let two = moments(next * columns, columns);
  for (var c = 0u; c < columns; c++) {
    let w = weight[c];
    let b = bias[c];
    write_out(n * columns + c, (inp[n * columns + c] - one.x) * one.y * w + b);
    write_out(next * columns + c, (inp[next * columns + c] - two.x) * two.y * w + b);
  }
  mean[n] = one.x;
  rstd[n] = one.y;
  mean[next] = two.x;
  rstd[next] = two.y;
}
