// `qkv` holds packed halves (lib/bf16.wgsl, lib/f16.wgsl), written four at a time.
alias ElementQkv = vec2<u32>;
fn write_qkv(index: u32, value: vec4<f32>) {
  qkv[index] = pack_half(value);
}
