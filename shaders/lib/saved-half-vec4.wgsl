// What the forward pass left in `pre` is packed halves (lib/bf16.wgsl, lib/f16.wgsl), read four at a time.
alias ElementPre = vec2<u32>;
fn read_pre(index: u32) -> vec4<f32> {
  return unpack_half(pre[index]);
}
