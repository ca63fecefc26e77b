// `qkv` holds packed bf16 (lib/bf16.wgsl), read a head at a time (lib/head-*-bf16.wgsl).
alias ElementQkv = PackedHead;
fn read_qkv(index: u32) -> Head {
  return unpack_head(qkv[index]);
}
