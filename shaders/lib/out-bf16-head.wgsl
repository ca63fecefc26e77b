// `out` holds packed bf16 (lib/bf16.wgsl), written a head at a time (lib/head-*-bf16.wgsl).
alias ElementOut = PackedHead;
fn write_out(index: u32, value: Head) {
  out[index] = pack_head(value);
}
