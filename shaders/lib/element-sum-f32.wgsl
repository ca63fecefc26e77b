fn element_sum(x: f32) -> f32 {
  return x;
}
