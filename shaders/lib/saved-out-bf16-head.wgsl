// What the forward pass left in `out` is packed bf16 (lib/bf16.wgsl), read a head at a time (lib/head-*-bf16.wgsl).
alias ElementOut = PackedHead;
fn read_out(index: u32) -> Head {
  return unpack_head(out[index]);
}
