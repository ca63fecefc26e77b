// `out` holds packed bf16 (lib/bf16.wgsl), written four at a time.
alias ElementOut = vec2<u32>;
fn write_out(index: u32, value: vec4<f32>) {
  out[index] = pack_bf16(value);
}
