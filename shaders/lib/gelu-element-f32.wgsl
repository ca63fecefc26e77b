fn gelu_element(x: f32) -> f32 {
  return gelu(x);
}
