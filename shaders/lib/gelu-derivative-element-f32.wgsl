fn gelu_derivative_element(x: f32) -> f32 {
  return gelu_derivative(x);
}
