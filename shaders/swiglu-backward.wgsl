// With s the logistic of gate: dup = dout gate s, dgate = dout up s (1 + gate (1 - s)). One thread an element; an element is one
// number, or four where the size allows.
struct Dims { size: u32 }

@group(0) @binding(0) var<storage, read> gate: array<ElementGate>; // (size)
@group(0) @binding(1) var<storage, read> up: array<ElementGate>; // (size)
@group(0) @binding(2) var<storage, read> dout: array<Element>; // (size)
@group(0) @binding(3) var<storage, read_write> dgate: array<Element>; // (size)
@group(0) @binding(4) var<storage, read_write> dup: array<Element>; // (size)
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
  let d = dout[i];
  // The exponent is clamped on both sides, or exp would overflow.
  let e = exp(-clamp(x, Element(-80.0), Element(80.0)));
  let s = 1.0 / (1.0 + e);
  dup[i] = d * (x * s);
  dgate[i] = d * read_up(i) * (s * (1.0 + x * (e * s))); // 1 - s = e s, which keeps its digits where s is nearly 1
}
