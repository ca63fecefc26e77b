// `gate` and `up` hold packed halves (lib/bf16.wgsl, lib/f16.wgsl), read four at a time.
alias ElementGate = vec2<u32>;
fn read_gate(index: u32) -> vec4<f32> {
  return unpack_half(gate[index]);
}
fn read_up(index: u32) -> vec4<f32> {
  return unpack_half(up[index]);
}
