// What the forward pass left in `out` is packed halves (lib/bf16.wgsl, lib/f16.wgsl), read a head at a time (lib/head-*-half.wgsl).
alias ElementOut = PackedHead;
fn read_out(index: u32) -> Head {
  return unpack_head(out[index]);
}
