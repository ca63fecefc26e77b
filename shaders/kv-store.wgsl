// cache[r, 0, t] = keys of row (r, t) of qkv, cache[r, 1, t] = its values. One thread an element of the cache.
const WORKGROUP_SIZE: u32 = 64u;

struct Dims {
  R: u32,
  T: u32,
  NH: u32,
  NKV: u32,
  HS: u32,
}

@group(0) @binding(0) var<storage, read> qkv: array<f32>; // (R T, (NH + 2 NKV) HS)
@group(0) @binding(1) var<storage, read_write> cache: array<f32>; // (R, 2, T, NKV HS)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = linear_workgroup_id(workgroup_id, num_workgroups) * WORKGROUP_SIZE + lane;
  let kv = dims.NKV * dims.HS;
  if (i >= 2u * dims.R * dims.T * kv) {
    return;
  }
  let width = dims.NH * dims.HS + 2u * kv;
  let c = i % kv;
  let t = (i / kv) % dims.T;
  let which = (i / (kv * dims.T)) % 2u;
  let r = i / (2u * kv * dims.T);
  cache[i] = qkv[(r * dims.T + t) * width + dims.NH * dims.HS + which * kv + c];
}
