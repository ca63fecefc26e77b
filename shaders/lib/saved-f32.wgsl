// What the forward pass left in `pre` is read as it is.
alias ElementPre = Element;
fn read_pre(index: u32) -> Element {
  return pre[index];
}
