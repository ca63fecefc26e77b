// `a` holds what it is read as.
alias ElementA = Element;
fn read_a(index: u32) -> Element {
  return a[index];
}
