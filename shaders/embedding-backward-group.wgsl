// dtable[v] += sum of dout[n] over the n with ids[n] = v, in order of n. One workgroup a token; only the first token of each id
// goes on, as in embedding-backward.wgsl. Its threads look through the ids side by side, then share the columns, so a token
// that fills half a batch keeps a whole workgroup busy.
struct Dims { N: u32, C: u32, V: u32 }

@group(0) @binding(0) var<storage, read> ids: array<u32>; // (N)
@group(0) @binding(1) var<storage, read> dout: array<f32>; // (N, C)
@group(0) @binding(2) var<storage, read_write> dtable: array<f32>; // (V, C)
@group(1) @binding(0) var<uniform> dims: Dims;

const WORKGROUP_SIZE: u32 = 64u;
var<workgroup> earlier: atomic<u32>;
var<workgroup> owned: u32;
var<workgroup> window: array<u32, WORKGROUP_SIZE>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3<u32>,
  @builtin(num_workgroups) num_workgroups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = linear_workgroup_id(workgroup_id, num_workgroups);
  if (first >= dims.N) {
    return;
  }
  let v = ids[first];
  for (var n = lane; n < first; n += WORKGROUP_SIZE) {
    if (ids[n] == v) {
      atomicStore(&earlier, 1u); // workgroup memory starts as zero; which thread says so does not matter
      break;
    }
  }
  workgroupBarrier();
  if (lane == 0u) {
    owned = select(0u, 1u, atomicLoad(&earlier) == 0u);
  }
  if (workgroupUniformLoad(&owned) == 0u) { // has its own barrier
    return;
  }
  for (var from_n = first; from_n < dims.N; from_n += WORKGROUP_SIZE) {
    workgroupBarrier(); // the window before is used up
    let n = from_n + lane;
    window[lane] = select(0u, 1u, n < dims.N && ids[min(n, dims.N - 1u)] == v);
    workgroupBarrier();
    for (var i = 0u; i < WORKGROUP_SIZE; i++) {
      if (window[i] != 0u) {
        for (var c = lane; c < dims.C; c += WORKGROUP_SIZE) {
          dtable[v * dims.C + c] += dout[(from_n + i) * dims.C + c];
        }
      }
    }
  }
}
