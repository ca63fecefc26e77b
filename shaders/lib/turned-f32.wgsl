// `qkv` holds what is written to it.
alias ElementQkv = Element;
fn write_qkv(index: u32, value: Element) {
  qkv[index] = value;
}
