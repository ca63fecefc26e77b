// out = softmax over the visible keys of q . k / sqrt(HS), times v; lse = log of the sum of exponentials. One thread takes four
// queries of a head in turn, so that a key and a value once loaded serve four: loads are what this kernel waits for. Four
// heads' vectors and four sums fill the registers, so it is for small heads. Without branches inside the loop: a software
// adapter pays for each register at each place where branches meet.
struct Dims { B: u32, T: u32, NH: u32, NKV: u32, HS: u32 }

@group(0) @binding(0) var<storage, read> qkv: array<ElementQkv>; // (N, NH + 2 NKV) heads
@group(0) @binding(1) var<storage, read> start: array<u32>; // (N)
@group(0) @binding(2) var<storage, read_write> out: array<ElementOut>; // (N, NH) heads
@group(0) @binding(3) var<storage, read_write> lse: array<f32>; // (N, NH)
@group(1) @binding(0) var<uniform> dims: Dims;

fn store(row: u32, sum: Head, total: f32, largest: f32) {
  write_out(row, head_scale(sum, 1.0 / total));
  lse[row] = largest + log(total);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = linear_workgroup_id(workgroup_id, num_workgroups) * 64u + lane;
  let fours = (dims.T + 3u) / 4u;
  if (i >= dims.B * dims.NH * fours) {
    return;
  }
  let t = i % fours * 4u;
  let h = i / fours % dims.NH;
  let sequence = i / (fours * dims.NH) * dims.T;
  let stride = dims.NH + 2u * dims.NKV;
  let scale = inverseSqrt(f32(dims.HS));
  // Past the end of the sequence the last query stands in; what it gives is not stored.
  let ts = min(vec4<u32>(t, t + 1u, t + 2u, t + 3u), vec4<u32>(dims.T - 1u));
  let n = sequence + ts;
  let first = vec4<u32>(start[n.x], start[n.y], start[n.z], start[n.w]);
  let earliest = min(min(first.x, first.y), min(first.z, first.w));
  let q0 = head_scale(read_qkv(n[0] * stride + h), scale);
  let q1 = head_scale(read_qkv(n[1] * stride + h), scale);
  let q2 = head_scale(read_qkv(n[2] * stride + h), scale);
  let q3 = head_scale(read_qkv(n[3] * stride + h), scale);
  var sum0 = Head();
  var sum1 = Head();
  var sum2 = Head();
  var sum3 = Head();
  var largest = vec4<f32>(-1e30);
  var total = vec4<f32>(0.0);
  var k = (sequence + earliest) * stride + dims.NH + h / (dims.NH / dims.NKV);
  for (var s = earliest; s <= ts.w; s++) {
    let key = read_qkv(k);
    let visible = (vec4<u32>(s) >= first) & (vec4<u32>(s) <= ts);
    let dots = vec4<f32>(head_dot(q0, key), head_dot(q1, key), head_dot(q2, key), head_dot(q3, key));
    let scores = select(vec4<f32>(-1e30), dots, visible);
    let grown = max(scores, largest);
    let shrink = exp(largest - grown);
    // Where nothing was visible yet, scores and maximum are both -1e30 and exp gives 1.
    let p = select(vec4<f32>(0.0), exp(scores - grown), visible);
    largest = grown;
    total = total * shrink + p;
    let value = read_qkv(k + dims.NKV);
    sum0 = head_add(head_scale(sum0, shrink[0]), p[0], value);
    sum1 = head_add(head_scale(sum1, shrink[1]), p[1], value);
    sum2 = head_add(head_scale(sum2, shrink[2]), p[2], value);
    sum3 = head_add(head_scale(sum3, shrink[3]), p[3], value);
    k += stride;
  }
  store(n.x * dims.NH + h, sum0, total.x, largest.x);
  if (t + 1u < dims.T) {
    store(n[1] * dims.NH + h, sum1, total[1], largest[1]);
  }
  if (t + 2u < dims.T) {
    store(n[2] * dims.NH + h, sum2, total[2], largest[2]);
  }
  if (t + 3u < dims.T) {
    store(n[3] * dims.NH + h, sum3, total[3], largest[3]);
  }
}
