// IEEE binary16 packed by bit operations, two in a u32, the even element in the low half: rounded to nearest even, past 65519 infinite
// (NaN stays NaN). No feature: WGSL's own conversions may round either way, and give anything for what is too large. Four at once, so that no two
// invocations share a word they write.
fn unpack_half(x: vec2<u32>) -> vec4<f32> {
  let bits = vec4<u32>(x.x & 0xffffu, x.x >> 16u, x.y & 0xffffu, x.y >> 16u);
  let magnitude = bits & vec4<u32>(0x7fffu);
  // The exponent's bias grows by 112, or by 224 where it is the last: infinities and NaN.
  let normal = (magnitude << vec4<u32>(13u)) + select(vec4<u32>(0x38000000u), vec4<u32>(0x70000000u), magnitude >= vec4<u32>(0x7c00u));
  let subnormal = bitcast<vec4<u32>>(vec4<f32>(magnitude) * 5.9604644775390625e-8); // 2^-24
  let sign = (bits & vec4<u32>(0x8000u)) << vec4<u32>(16u);
  return bitcast<vec4<f32>>(select(normal, subnormal, magnitude < vec4<u32>(0x400u)) | sign);
}

fn pack_half(x: vec4<f32>) -> vec2<u32> {
  let bits = bitcast<vec4<u32>>(x);
  let magnitude = bits & vec4<u32>(0x7fffffffu);
  let rounded = magnitude + 0xfffu + ((magnitude >> vec4<u32>(13u)) & vec4<u32>(1u));
  let normal = (rounded - 0x38000000u) >> vec4<u32>(13u);
  // In units of 2^-24, below 1024 of them; a half is rounded to even here too. Where this does not count it must only convert.
  let units = bitcast<vec4<f32>>(min(magnitude, vec4<u32>(0x38800000u))) * 16777216.0;
  let whole = floor(units);
  let rest = units - whole;
  let odd = vec4<u32>(whole) & vec4<u32>(1u);
  let up = (rest > vec4<f32>(0.5)) | ((rest == vec4<f32>(0.5)) & (odd == vec4<u32>(1u)));
  let subnormal = vec4<u32>(whole) + select(vec4<u32>(0u), vec4<u32>(1u), up);
  var halves = select(normal, subnormal, magnitude < vec4<u32>(0x38800000u));
  halves = select(halves, vec4<u32>(0x7c00u), magnitude >= vec4<u32>(0x477ff000u));
  halves = select(halves, vec4<u32>(0x7e00u), magnitude > vec4<u32>(0x7f800000u));
  halves |= (bits >> vec4<u32>(16u)) & vec4<u32>(0x8000u);
  return vec2<u32>(halves.x | (halves.y << 16u), halves.z | (halves.w << 16u));
}

fn half_at(word: u32, index: u32) -> f32 {
  return unpack_half(vec2<u32>(select(word, word >> 16u, (index & 1u) == 1u), 0u)).x;
}
