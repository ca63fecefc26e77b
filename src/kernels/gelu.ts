/** GELU in its tanh form (Hendrycks, Gimpel, arXiv 1606.08415): the activation of GPT-2. Its derivative lives beside it. */
import { defineKernel } from "../device/types.ts";
import { elementwise } from "./elementwise.ts";
import { storedHalf } from "./stored-half.ts";
import geluWgsl from "../../shaders/gelu.wgsl?raw";
import geluElementF32 from "../../shaders/lib/gelu-element-f32.wgsl?raw";
import geluElementVec4 from "../../shaders/lib/gelu-element-vec4.wgsl?raw";
import geluLib from "../../shaders/lib/gelu.wgsl?raw";
import outHalf from "../../shaders/lib/out-half-vec4.wgsl?raw";
import outF32 from "../../shaders/lib/out-f32.wgsl?raw";

const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715;

/** x (1 + tanh u) / 2 with u = sqrt(2/pi) (x + 0.044715 x^3); (1 + tanh u) / 2 is written as the logistic of 2u, which Math has fast. */
export function geluOf(x: number): number {
  return x / (1 + Math.exp(-2 * SQRT_2_OVER_PI * (x + CUBIC * x * x * x)));
}

/** d gelu / dx, with s the logistic of 2u: s + x s (1 - s) 2 u'. */
export function geluSlopeOf(x: number): number {
  const u = SQRT_2_OVER_PI * (x + CUBIC * x * x * x);
  const s = 1 / (1 + Math.exp(-2 * u));
  // 1 - s would lose all digits for large u.
  const rest = 1 / (1 + Math.exp(2 * u));
  return s + x * s * rest * 2 * SQRT_2_OVER_PI * (1 + 3 * CUBIC * x * x);
}

/** out = gelu(inp), both (size). */
export const gelu = defineKernel({
  name: "gelu",
  bindings: { inp: "read", out: "write" },
  dims: { size: "u32" },
  cost: ({ size }) => ({ flops: 10 * size, bytes: 8 * size }),
  variants: elementwise(geluWgsl, { f32: geluLib + geluElementF32 + outF32, vec4: geluLib + geluElementVec4 + outF32 }),
  wasm: "gelu",
  meaning({ inp, out }, { size }) {
    for (let i = 0; i < size; i++) out[i] = geluOf(inp[i]!);
  },
});

/** The same, `out` stored as packed halves; size a multiple of four. */
export const geluHalf = storedHalf(gelu, {
  packed: { out: ({ size }) => size },
  variants: (lib) => [elementwise(geluWgsl, { f32: "", vec4: geluLib + geluElementVec4 + lib + outHalf })[1]!],
});
