// `pre` holds what is written to it.
alias ElementPre = Element;
fn write_pre(index: u32, value: Element) {
  pre[index] = value;
}
