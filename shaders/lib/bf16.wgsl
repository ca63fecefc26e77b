// bf16 packed by bit operations, two in a u32, the even element in the low half: the upper half of an f32, rounded to nearest even
// (NaN stays NaN). No feature, no loss of range. Four at once, so that no two invocations share a word they write.
fn unpack_half(x: vec2<u32>) -> vec4<f32> {
  return bitcast<vec4<f32>>(vec4<u32>(x.x << 16u, x.x & 0xffff0000u, x.y << 16u, x.y & 0xffff0000u));
}

fn pack_half(x: vec4<f32>) -> vec2<u32> {
  let bits = bitcast<vec4<u32>>(x);
  let rounded = bits + 0x7fffu + ((bits >> vec4<u32>(16u)) & vec4<u32>(1u));
  let is_nan = (bits & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u);
  let halves = select(rounded, bits | vec4<u32>(0x400000u), is_nan);
  return vec2<u32>((halves.x >> 16u) | (halves.y & 0xffff0000u), (halves.z >> 16u) | (halves.w & 0xffff0000u));
}

fn half_at(word: u32, index: u32) -> f32 {
  return bitcast<f32>(select(word << 16u, word & 0xffff0000u, (index & 1u) == 1u));
}
