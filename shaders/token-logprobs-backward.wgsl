// logits[n, v] := dlogprob[n] ([v = target] - exp(logits[n, v] - lse[n])), in place. One thread an element.
const WORKGROUP_SIZE: u32 = 64u;

struct Dims {
  N: u32,
  V: u32,
}

@group(0) @binding(0) var<storage, read_write> logits: array<f32>; // (N, V)
@group(0) @binding(1) var<storage, read> targets: array<u32>; // (N)
@group(0) @binding(2) var<storage, read> lse: array<f32>; // (N)
@group(0) @binding(3) var<storage, read> dlogprob: array<f32>; // (N)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = linear_workgroup_id(workgroup_id, num_workgroups) * WORKGROUP_SIZE + lane;
  if (i >= dims.N * dims.V) {
    return;
  }
  let n = i / dims.V;
  let hit = f32(i - n * dims.V == targets[n]);
  logits[i] = dlogprob[n] * (hit - exp(logits[i] - lse[n]));
}
