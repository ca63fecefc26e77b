// As reduce.wgsl, most of it within subgroups: two barriers where the tree has two and one for each doubling of the workgroup.
// Needs subgroups, `const WORKGROUP_SIZE: u32`, and every invocation of the workgroup at the call. Every invocation gets
// the result. The scratch may be used again at once.
// No size of a subgroup is assumed, nor which invocations share one: the elected one leaves the subgroup's part in its own
// invocation's place and the others zeros; then each subgroup gathers all places, shared among however many invocations it has.
var<workgroup> reduce_scratch: array<f32, WORKGROUP_SIZE>;

fn reduce_sum(value: f32, lane: u32) -> f32 {
  let part = subgroupAdd(value);
  reduce_scratch[lane] = select(0.0, part, subgroupElect());
  let rank = subgroupExclusiveAdd(1u);
  let members = subgroupAdd(1u);
  workgroupBarrier();
  var own = 0.0;
  for (var i = rank; i < WORKGROUP_SIZE; i += members) {
    own += reduce_scratch[i];
  }
  let result = subgroupAdd(own);
  workgroupBarrier();
  return result;
}

fn reduce_max(value: f32, lane: u32) -> f32 {
  // From everyone: a maximum may be taken twice, so there is no neutral value to choose.
  reduce_scratch[lane] = subgroupMax(value);
  let rank = subgroupExclusiveAdd(1u);
  let members = subgroupAdd(1u);
  workgroupBarrier();
  var own = value;
  for (var i = rank; i < WORKGROUP_SIZE; i += members) {
    own = max(own, reduce_scratch[i]);
  }
  let result = subgroupMax(own);
  workgroupBarrier();
  return result;
}
