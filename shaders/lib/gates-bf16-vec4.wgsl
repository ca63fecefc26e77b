// `gate` and `up` hold packed bf16 (lib/bf16.wgsl), read four at a time.
alias ElementGate = vec2<u32>;
fn read_gate(index: u32) -> vec4<f32> {
  return unpack_bf16(gate[index]);
}
fn read_up(index: u32) -> vec4<f32> {
  return unpack_bf16(up[index]);
}
