// Prefixed to a kernel whose arrays hold Element: here one head's vector (lib/head-*.wgsl).
alias Element = Head;
