// qkv = q and k turned, v as it is, side by side: with the pair (x1, x2) = (x[i], x[i + HS/2]) of a head and its position's cos
// and sin, (x1 cos - x2 sin, x2 cos + x1 sin). One thread a pair (of Elements) of a head of q, k or v.
struct Dims { N: u32, NH: u32, NKV: u32, HS: u32 }

@group(0) @binding(0) var<storage, read> q: array<Element>; // (N, NH HS)
@group(0) @binding(1) var<storage, read> k: array<Element>; // (N, NKV HS)
@group(0) @binding(2) var<storage, read> v: array<Element>; // (N, NKV HS)
@group(0) @binding(3) var<storage, read> pos: array<u32>; // (N)
@group(0) @binding(4) var<storage, read> turns: array<Element>; // (T, HS): HS/2 cosines, HS/2 sines
@group(0) @binding(5) var<storage, read_write> qkv: array<ElementQkv>; // (N, (NH + 2 NKV) HS)
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
  let to = 2u * half * (n * heads + head) + pair;
  var x1: Element;
  var x2: Element;
  if (head < dims.NH) {
    let source = 2u * half * (n * dims.NH + head) + pair;
    x1 = q[source];
    x2 = q[source + half];
  } else if (head < dims.NH + dims.NKV) {
    let source = 2u * half * (n * dims.NKV + head - dims.NH) + pair;
    x1 = k[source];
    x2 = k[source + half];
  } else {
    let source = 2u * half * (n * dims.NKV + head - dims.NH - dims.NKV) + pair;
    write_qkv(to, v[source]);
    write_qkv(to + half, v[source + half]);
    return;
  }
  let turn = 2u * half * pos[n] + pair;
  let c = turns[turn];
  let s = turns[turn + half];
  write_qkv(to, x1 * c - x2 * s);
  write_qkv(to + half, x2 * c + x1 * s);
}
