// One head's vector of 16 in registers. Named components, not an array: a loop over an array in registers becomes memory.
alias Head = mat4x4<f32>;

fn head_dot(x: Head, y: Head) -> f32 {
  return dot(x[0], y[0]) + dot(x[1], y[1]) + dot(x[2], y[2]) + dot(x[3], y[3]);
}

// x + scale y
fn head_add(x: Head, scale: f32, y: Head) -> Head {
  return x + y * scale;
}

fn head_scale(x: Head, scale: f32) -> Head {
  return x * scale;
}
