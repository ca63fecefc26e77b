// One head's vector of 64 in registers. Named parts, not an array: a loop over an array in registers becomes memory.
struct Head { a: mat4x4<f32>, b: mat4x4<f32>, c: mat4x4<f32>, d: mat4x4<f32> }

fn dot16(x: mat4x4<f32>, y: mat4x4<f32>) -> vec4<f32> {
  return x[0] * y[0] + x[1] * y[1] + x[2] * y[2] + x[3] * y[3];
}

fn head_dot(x: Head, y: Head) -> f32 {
  let sums = dot16(x.a, y.a) + dot16(x.b, y.b) + dot16(x.c, y.c) + dot16(x.d, y.d);
  return sums.x + sums.y + sums.z + sums.w;
}

// x + scale y
fn head_add(x: Head, scale: f32, y: Head) -> Head {
  return Head(x.a + y.a * scale, x.b + y.b * scale, x.c + y.c * scale, x.d + y.d * scale);
}

fn head_scale(x: Head, scale: f32) -> Head {
  return Head(x.a * scale, x.b * scale, x.c * scale, x.d * scale);
}
