fn gelu_derivative_element(x: vec4<f32>) -> vec4<f32> {
  return vec4<f32>(gelu_derivative(x.x), gelu_derivative(x.y), gelu_derivative(x.z), gelu_derivative(x.w));
}
