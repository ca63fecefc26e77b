// `gate` and `up` are read as they are.
alias ElementGate = Element;
fn read_gate(index: u32) -> Element {
  return gate[index];
}
fn read_up(index: u32) -> Element {
  return up[index];
}
