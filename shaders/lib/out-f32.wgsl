// `out` holds what is written to it.
alias ElementOut = Element;
fn write_out(index: u32, value: Element) {
  out[index] = value;
}
