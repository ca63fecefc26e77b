// `qkv` holds packed halves (lib/bf16.wgsl, lib/f16.wgsl), read a head at a time (lib/head-*-half.wgsl).
alias ElementQkv = PackedHead;
fn read_qkv(index: u32) -> Head {
  return unpack_head(qkv[index]);
}
