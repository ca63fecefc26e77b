// Sum and maximum over a workgroup, as a tree of fixed shape: the same bits on every run.
// Needs `const WORKGROUP_SIZE: u32`, a power of two, and every invocation of the workgroup at the call (it has barriers).
// Every invocation gets the result. The scratch may be used again at once.
var<workgroup> reduce_scratch: array<f32, WORKGROUP_SIZE>;

fn reduce_sum(value: f32, lane: u32) -> f32 {
  reduce_scratch[lane] = value;
  for (var half = WORKGROUP_SIZE / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      reduce_scratch[lane] += reduce_scratch[lane + half];
    }
  }
  workgroupBarrier();
  let result = reduce_scratch[0];
  workgroupBarrier();
  return result;
}

fn reduce_max(value: f32, lane: u32) -> f32 {
  reduce_scratch[lane] = value;
  for (var half = WORKGROUP_SIZE / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      reduce_scratch[lane] = max(reduce_scratch[lane], reduce_scratch[lane + half]);
    }
  }
  workgroupBarrier();
  let result = reduce_scratch[0];
  workgroupBarrier();
  return result;
}
