// `qkv` holds packed halves (lib/bf16.wgsl, lib/f16.wgsl), read four at a time.
alias ElementQkv = vec2<u32>;
fn read_qkv(index: u32) -> vec4<f32> {
  return unpack_half(qkv[index]);
}
