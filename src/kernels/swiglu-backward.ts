/** The gradients of SwiGLU's product to both of its inputs: what `swiglu.ts` says forward. */
import { defineKernel } from "../device/types.ts";
import { elementwise } from "./elementwise.ts";
import { storedHalf } from "./stored-half.ts";
import swigluBackwardWgsl from "../../shaders/swiglu-backward.wgsl?raw";
import gatesHalf from "../../shaders/lib/gates-half-vec4.wgsl?raw";
import gatesF32 from "../../shaders/lib/gates-f32.wgsl?raw";

/** With s the logistic of gate: dup = dout gate s, dgate = dout up s (1 + gate (1 - s)); all (size). */
export const swigluBackward = defineKernel({
  name: "swigluBackward",
  bindings: { gate: "read", up: "read", dout: "read", dgate: "write", dup: "write" },
  dims: { size: "u32" },
  cost: ({ size }) => ({ flops: 12 * size, bytes: 20 * size }),
  variants: elementwise(swigluBackwardWgsl, { f32: gatesF32, vec4: gatesF32 }),
  wasm: "swigluBackward",
  meaning({ gate, up, dout, dgate, dup }, { size }) {
    for (let i = 0; i < size; i++) {
      const x = gate[i]!;
      const s = 1 / (1 + Math.exp(-x));
      // 1 - s would lose all digits for large x.
      const rest = 1 / (1 + Math.exp(x));
      dup[i] = dout[i]! * x * s;
      dgate[i] = dout[i]! * up[i]! * s * (1 + x * rest);
    }
  },
});

/** The same, `gate` and `up` stored as packed halves; gradients are f32. Size a multiple of four. */
export const swigluBackwardHalf = storedHalf(swigluBackward, {
  packed: { gate: ({ size }) => size, up: ({ size }) => size },
  variants: (lib) => [elementwise(swigluBackwardWgsl, { f32: "", vec4: lib + gatesHalf })[1]!],
});
