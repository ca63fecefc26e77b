// One head's vector of 8 as it is stored: packed bf16 (lib/bf16.wgsl).
alias PackedHead = vec4<u32>;

fn unpack_head(x: PackedHead) -> Head {
  return Head(unpack_bf16(x.xy), unpack_bf16(x.zw));
}

fn pack_head(x: Head) -> PackedHead {
  return PackedHead(pack_bf16(x[0]), pack_bf16(x[1]));
}
