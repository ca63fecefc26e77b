/** SwiGLU's product (Shazeer, arXiv 2002.05202): the activation of Llama's MLP. Its gradients are `swiglu-backward.ts`. */
import { defineKernel } from "../device/types.ts";
import { elementwise } from "./elementwise.ts";
import swigluWgsl from "../../shaders/swiglu.wgsl?raw";

/** out = silu(gate) up with silu(x) = x / (1 + exp(-x)), all (size). */
export const swiglu = defineKernel({
  name: "swiglu",
  bindings: { gate: "read", up: "read", out: "write" },
  dims: { size: "u32" },
  cost: ({ size }) => ({ flops: 5 * size, bytes: 12 * size }),
  variants: elementwise(swigluWgsl),
  wasm: "swiglu",
  meaning({ gate, up, out }, { size }) {
    for (let i = 0; i < size; i++) out[i] = (gate[i]! / (1 + Math.exp(-gate[i]!))) * up[i]!;
  },
});
