// `a` holds packed halves (lib/bf16.wgsl, lib/f16.wgsl), read one at a time: rows of any length.
alias ElementA = u32;
fn read_a(index: u32) -> f32 {
  return half_at(a[index / 2u], index);
}
