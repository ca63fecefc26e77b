// One head's vector of 32 in registers. Parts taken by constant index only: a loop over them would become memory.
alias Head = array<mat4x4<f32>, 2>;

fn dot16(x: mat4x4<f32>, y: mat4x4<f32>) -> vec4<f32> {
  return x[0] * y[0] + x[1] * y[1] + x[2] * y[2] + x[3] * y[3];
}

fn head_dot(x: Head, y: Head) -> f32 {
  let sums = dot16(x[0], y[0]) + dot16(x[1], y[1]);
  return sums.x + sums.y + sums.z + sums.w;
}

// x + scale y
fn head_add(x: Head, scale: f32, y: Head) -> Head {
  return Head(x[0] + y[0] * scale, x[1] + y[1] * scale);
}

fn head_scale(x: Head, scale: f32) -> Head {
  return Head(x[0] * scale, x[1] * scale);
}
