// One head's vector of 8 as it is stored: packed halves (lib/bf16.wgsl, lib/f16.wgsl).
alias PackedHead = vec4<u32>;

fn unpack_head(x: PackedHead) -> Head {
  return Head(unpack_half(x.xy), unpack_half(x.zw));
}

fn pack_head(x: Head) -> PackedHead {
  return PackedHead(pack_half(x[0]), pack_half(x[1]));
}
