// Prefixed to a kernel whose arrays hold Element: here one number an element.
alias Element = f32;
const ELEMENT_SIZE: u32 = 1u;
