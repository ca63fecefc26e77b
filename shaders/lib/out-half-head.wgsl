// `out` holds packed halves (lib/bf16.wgsl, lib/f16.wgsl), written a head at a time (lib/head-*-half.wgsl).
alias ElementOut = PackedHead;
fn write_out(index: u32, value: Head) {
  out[index] = pack_head(value);
}
