// out[i] = inp[i] / (1 - p) where the draw of (key, i, site) is at least p, else 0. One thread an element. Nothing is stored:
// the same launch on the gradient masks it alike.
struct Dims { size: u32, site: u32, p: f32 }

@group(0) @binding(0) var<storage, read> inp: array<f32>; // (size)
@group(0) @binding(1) var<storage, read> key: array<u32>; // (2) or more: the key of this micro-step
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // (size)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = linear_workgroup_id(workgroup_id, num_workgroups) * 64u + lane;
  if (i >= dims.size) {
    return;
  }
  let draw = unit(threefry2x32(vec2<u32>(key[0], key[1]), vec2<u32>(i, dims.site)).x);
  out[i] = select(0.0, inp[i] / (1.0 - dims.p), draw >= dims.p);
}
