// Rows read four numbers an element: the largest in an element, the number at a column of it, 1 where a column is the target.
fn element_max(x: vec4<f32>) -> f32 {
  return max(max(x.x, x.y), max(x.z, x.w));
}
fn element_at(x: vec4<f32>, column: u32) -> f32 {
  return x[column % 4u];
}
fn element_hit(c: u32, target_column: u32) -> vec4<f32> {
  return vec4<f32>(vec4<u32>(4u * c, 4u * c + 1u, 4u * c + 2u, 4u * c + 3u) == vec4<u32>(target_column));
}
