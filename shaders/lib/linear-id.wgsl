// The device folds one workgroup count into a grid of two dimensions (65,535 a side): this unfolds it.
// The last row of the fold may be longer than the count, so a kernel guards its tail.
fn linear_workgroup_id(workgroup_id: vec3<u32>, num_workgroups: vec3<u32>) -> u32 {
  return workgroup_id.x + workgroup_id.y * num_workgroups.x;
}
