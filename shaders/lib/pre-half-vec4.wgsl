// `pre` holds packed halves (lib/bf16.wgsl, lib/f16.wgsl), written four at a time.
alias ElementPre = vec2<u32>;
fn write_pre(index: u32, value: vec4<f32>) {
  pre[index] = pack_half(value);
}
