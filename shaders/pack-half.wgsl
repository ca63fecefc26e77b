// out = inp rounded to halves and packed (lib/bf16.wgsl, lib/f16.wgsl). One thread four neighbours: the shadow that products read, of an arena of weights.
struct Dims { size: u32 }

@group(0) @binding(0) var<storage, read> inp: array<vec4<f32>>; // (size)
@group(0) @binding(1) var<storage, read_write> out: array<vec2<u32>>; // (size) packed
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
  out[i] = pack_half(inp[i]);
}
