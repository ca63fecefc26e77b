// `a` holds packed halves (lib/bf16.wgsl, lib/f16.wgsl), read four at a time.
alias ElementA = vec2<u32>;
fn read_a(index: u32) -> vec4<f32> {
  return unpack_half(a[index]);
}
