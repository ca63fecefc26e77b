// out = silu(gate) up, silu(x) = x / (1 + exp(-x)). One thread an element; an element is one number, or four where the size
// allows.
struct Dims { size: u32 }

@group(0) @binding(0) var<storage, read> gate: array<ElementGate>; // (size)
@group(0) @binding(1) var<storage, read> up: array<ElementGate>; // (size)
@group(0) @binding(2) var<storage, read_write> out: array<ElementOut>; // (size)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(64u)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = linear_workgroup_id(workgroup_id, num_workgroups) * 64u + lane;
  if (i >= dims.size / WIDTH) {
    return;
  }
  let x = read_gate(i);
  // The exponent is clamped, or exp would overflow; past it silu is x e^-80 where it should be less.
  write_out(i, x / (1.0 + exp(-max(x, Element(-80.0)))) * read_up(i));
}
