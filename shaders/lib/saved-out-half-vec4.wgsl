// What the forward pass left in `out` is packed halves (lib/bf16.wgsl, lib/f16.wgsl), read four at a time.
alias ElementOut = vec2<u32>;
fn read_out(index: u32) -> vec4<f32> {
  return unpack_half(out[index]);
}
