// `b` holds what it is read as.
alias ElementB = Element;
fn read_b(index: u32) -> Element {
  return b[index];
}
