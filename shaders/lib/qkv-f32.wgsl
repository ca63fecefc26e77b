// `qkv` holds what it is read as.
alias ElementQkv = Element;
fn read_qkv(index: u32) -> Element {
  return qkv[index];
}
