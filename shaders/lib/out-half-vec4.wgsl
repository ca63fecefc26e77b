// `out` holds packed halves (lib/bf16.wgsl, lib/f16.wgsl), written four at a time.
alias ElementOut = vec2<u32>;
fn write_out(index: u32, value: vec4<f32>) {
  out[index] = pack_half(value);
}
