// The gradient of rope.wgsl: dq and dk are the parts of dqkv turned back (by the same angle, the other way), dv its part as it
// is. One thread a pair (of Elements) of a head of q, k or v.
struct Dims { N: u32, NH: u32, NKV: u32, HS: u32 }

@group(0) @binding(0) var<storage, read> dqkv: array<Element>; // (N, (NH + 2 NKV) HS)
@group(0) @binding(1) var<storage, read> pos: array<u32>; // (N)
@group(0) @binding(2) var<storage, read> turns: array<Element>; // (T, HS): HS/2 cosines, HS/2 sines
@group(0) @binding(3) var<storage, read_write> dq: array<Element>; // (N, NH HS)
@group(0) @binding(4) var<storage, read_write> dk: array<Element>; // (N, NKV HS)
@group(0) @binding(5) var<storage, read_write> dv: array<Element>; // (N, NKV HS)
@group(1) @binding(0) var<uniform> dims: Dims;

@compute @workgroup_size(64u)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = linear_workgroup_id(workgroup_id, num_workgroups) * 64u + lane;
  let half = dims.HS / (2u * ELEMENT_SIZE);
  let heads = dims.NH + 2u * dims.NKV;
  if (i >= dims.N * heads * half) {
    return;
  }
  let pair = i % half;
  let head = i / half % heads;
  let n = i / (half * heads);
  let source = 2u * half * (n * heads + head) + pair;
  let d1 = dqkv[source];
  let d2 = dqkv[source + half];
  if (head >= dims.NH + dims.NKV) {
    let to = 2u * half * (n * dims.NKV + head - dims.NH - dims.NKV) + pair;
    dv[to] = d1;
    dv[to + half] = d2;
    return;
  }
  let turn = 2u * half * pos[n] + pair;
  let c = turns[turn];
  let s = turns[turn + half];
  let x1 = d1 * c + d2 * s;
  let x2 = d2 * c - d1 * s;
  if (head < dims.NH) {
    let to = 2u * half * (n * dims.NH + head) + pair;
    dq[to] = x1;
    dq[to + half] = x2;
  } else {
    let to = 2u * half * (n * dims.NKV + head - dims.NH) + pair;
    dk[to] = x1;
    dk[to + half] = x2;
  }
}
