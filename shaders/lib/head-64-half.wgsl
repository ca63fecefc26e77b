// One head's vector of 64 as it is stored: packed halves (lib/bf16.wgsl, lib/f16.wgsl). Parts taken by constant index only.
alias PackedHead = array<vec4<u32>, 8>;

fn unpack16(x: vec4<u32>, y: vec4<u32>) -> mat4x4<f32> {
  return mat4x4<f32>(unpack_half(x.xy), unpack_half(x.zw), unpack_half(y.xy), unpack_half(y.zw));
}

fn pack8(x: vec4<f32>, y: vec4<f32>) -> vec4<u32> {
  return vec4<u32>(pack_half(x), pack_half(y));
}

fn unpack_head(x: PackedHead) -> Head {
  return Head(unpack16(x[0], x[1]), unpack16(x[2], x[3]), unpack16(x[4], x[5]), unpack16(x[6], x[7]));
}

fn pack_head(x: Head) -> PackedHead {
  return PackedHead(
    pack8(x[0][0], x[0][1]), pack8(x[0][2], x[0][3]),
    pack8(x[1][0], x[1][1]), pack8(x[1][2], x[1][3]),
    pack8(x[2][0], x[2][1]), pack8(x[2][2], x[2][3]),
    pack8(x[3][0], x[3][1]), pack8(x[3][2], x[3][3]),
  );
}
