/** SwiGLU's product (Shazeer, arXiv 2002.05202): the activation of Llama's MLP. Its gradients are `swiglu-backward.ts`. */
import { defineKernel } from "../device/types.ts";
import { elementwise } from "./elementwise.ts";
import { storedHalf } from "./stored-half.ts";
import swigluWgsl from "../../shaders/swiglu.wgsl?raw";
import gatesHalf from "../../shaders/lib/gates-half-vec4.wgsl?raw";
import gatesF32 from "../../shaders/lib/gates-f32.wgsl?raw";
import outHalf from "../../shaders/lib/out-half-vec4.wgsl?raw";
import outF32 from "../../shaders/lib/out-f32.wgsl?raw";

/** out = silu(gate) up with silu(x) = x / (1 + exp(-x)), all (size). */
export const swiglu = defineKernel({
  name: "swiglu",
  bindings: { gate: "read", up: "read", out: "write" },
  dims: { size: "u32" },
  cost: ({ size }) => ({ flops: 5 * size, bytes: 12 * size }),
  variants: elementwise(swigluWgsl, { f32: gatesF32 + outF32, vec4: gatesF32 + outF32 }),
  wasm: "swiglu",
  meaning({ gate, up, out }, { size }) {
    for (let i = 0; i < size; i++) out[i] = (gate[i]! / (1 + Math.exp(-gate[i]!))) * up[i]!;
  },
});

const all = ({ size }: { readonly size: number }): number => size;

/** The same, all three stored as packed halves; size a multiple of four. */
export const swigluHalf = storedHalf(swiglu, {
  packed: { gate: all, up: all, out: all },
  variants: (lib) => [elementwise(swigluWgsl, { f32: "", vec4: lib + gatesHalf + outHalf })[1]!],
});
