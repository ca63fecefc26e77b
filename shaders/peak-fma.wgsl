// out = the sum of eight chains, chain c starting at inp + c and taking y = y * 0.75 + 0.25 `rounds` times. One thread a vec4: 32
// multiply-adds in flight that wait for nothing, and hardly a byte moved. The bench's roof for operations.
struct Dims { size: u32, rounds: u32 }

@group(0) @binding(0) var<storage, read> inp: array<vec4<f32>>; // (size)
@group(0) @binding(1) var<storage, read_write> out: array<vec4<f32>>; // (size)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = linear_workgroup_id(workgroup_id, num_workgroups) * 64u + lane;
  if (i >= dims.size / 4u) {
    return;
  }
  let scale = vec4<f32>(0.75);
  let shift = vec4<f32>(0.25);
  var y0 = inp[i];
  var y1 = y0 + 1.0;
  var y2 = y0 + 2.0;
  var y3 = y0 + 3.0;
  var y4 = y0 + 4.0;
  var y5 = y0 + 5.0;
  var y6 = y0 + 6.0;
  var y7 = y0 + 7.0;
  for (var round = 0u; round < dims.rounds; round++) {
    y0 = fma(y0, scale, shift);
    y1 = fma(y1, scale, shift);
    y2 = fma(y2, scale, shift);
    y3 = fma(y3, scale, shift);
    y4 = fma(y4, scale, shift);
    y5 = fma(y5, scale, shift);
    y6 = fma(y6, scale, shift);
    y7 = fma(y7, scale, shift);
  }
  out[i] = ((y0 + y1) + (y2 + y3)) + ((y4 + y5) + (y6 + y7));
}
