// dtable[v] += sum of dout[n] over the n with ids[n] = v, in order of n. The first token of each id owns its table row and
// goes through all that follow; the others see an earlier one of their kind and leave. So no two threads write one place, no
// atomics are needed, and rows that nobody used cost nothing. One thread a token, one or four columns (an Element) at a time.
// The search is a loop of its own: threads that run in step then add together, and do not wait for each other's rows.
const WORKGROUP_SIZE: u32 = 16u;

struct Dims { N: u32, C: u32, V: u32 }

@group(0) @binding(0) var<storage, read> ids: array<u32>; // (N)
@group(0) @binding(1) var<storage, read> dout: array<Element>; // (N, C)
@group(0) @binding(2) var<storage, read_write> dtable: array<Element>; // (V, C)
@group(1) @binding(0) var<uniform> dims: Dims;

fn any_of_four(n: u32, v: u32) -> bool {
  return any(vec4<u32>(ids[n], ids[n + 1u], ids[n + 2u], ids[n + 3u]) == vec4<u32>(v));
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = linear_workgroup_id(workgroup_id, num_workgroups) * WORKGROUP_SIZE + lane;
  if (first >= dims.N) {
    return;
  }
  let v = ids[first];
  let width = dims.C / ELEMENT_SIZE;
  var before = first;
  while (before >= 4u && !any_of_four(before - 4u, v)) { // backwards: in text the last of a kind is near
    before -= 4u;
  }
  for (; before > 0u; before--) {
    if (ids[before - 1u] == v) {
      return;
    }
  }
  var n = first;
  loop {
    for (var c = 0u; c < width; c++) {
      dtable[v * width + c] += dout[n * width + c];
    }
    n++;
    while (n + 3u < dims.N && !any_of_four(n, v)) {
      n += 4u;
    }
    while (n < dims.N && ids[n] != v) {
      n++;
    }
    if (n >= dims.N) {
      break;
    }
  }
}
