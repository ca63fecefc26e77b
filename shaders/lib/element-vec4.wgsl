// Prefixed to a kernel whose arrays hold Element: here four numbers an element. Only where every row is a multiple of four.
alias Element = vec4<f32>;
const ELEMENT_SIZE: u32 = 4u;
