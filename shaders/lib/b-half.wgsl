// `b` holds packed halves (lib/bf16.wgsl, lib/f16.wgsl), read one at a time: rows of any length.
alias ElementB = u32;
fn read_b(index: u32) -> f32 {
  return half_at(b[index / 2u], index);
}
