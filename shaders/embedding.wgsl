// out[n] = wte[ids[n]] + wpe[pos[n]]. One thread an element; an element is one number, or four where C allows.
struct Dims { N: u32, C: u32 }

@group(0) @binding(0) var<storage, read> ids: array<u32>; // (N)
@group(0) @binding(1) var<storage, read> pos: array<u32>; // (N)
@group(0) @binding(2) var<storage, read> wte: array<Element>; // (V, C)
@group(0) @binding(3) var<storage, read> wpe: array<Element>; // (T, C)
@group(0) @binding(4) var<storage, read_write> out: array<Element>; // (N, C)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = linear_workgroup_id(workgroup_id, num_workgroups) * 64u + lane;
  let columns = dims.C / WIDTH;
  if (i >= dims.N * columns) {
    return;
  }
  let n = i / columns;
  let c = i % columns;
  out[i] = wte[ids[n] * columns + c] + wpe[pos[n] * columns + c];
}
