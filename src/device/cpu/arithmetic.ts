/** The two builds of the WebAssembly kernels. */

/** How products are added up: multiplied, rounded, added and rounded; or fused, where the processor can (relaxed SIMD). Their bits differ. */
export type Arithmetic = "plain" | "relaxed";
