// out = gelu(inp), tanh form (lib/gelu.wgsl). One thread an element; an element is one number, or four where the size allows.
struct Dims { size: u32 }

@group(0) @binding(0) var<storage, read> inp: array<Element>; // (size)
@group(0) @binding(1) var<storage, read_write> out: array<ElementOut>; // (size)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = linear_workgroup_id(workgroup_id, num_workgroups) * 64u + lane;
  if (i >= dims.size / WIDTH) {
    return;
  }
  write_out(i, gelu_element(inp[i]));
}
