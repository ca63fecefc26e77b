/** The gradient of GELU, in place: what `gelu.ts` says forward. */
import { defineKernel } from "../device/types.ts";
import { elementwise } from "./elementwise.ts";
import { geluSlopeOf } from "./gelu.ts";
import { storedHalf } from "./stored-half.ts";
import geluBackwardWgsl from "../../shaders/gelu-backward.wgsl?raw";
import derivativeF32 from "../../shaders/lib/gelu-derivative-element-f32.wgsl?raw";
import derivativeVec4 from "../../shaders/lib/gelu-derivative-element-vec4.wgsl?raw";
import savedHalf from "../../shaders/lib/saved-half-vec4.wgsl?raw";
import savedF32 from "../../shaders/lib/saved-f32.wgsl?raw";
import geluLib from "../../shaders/lib/gelu.wgsl?raw";

/** grad *= gelu'(pre), both (size). */
export const geluBackward = defineKernel({
  name: "geluBackward",
  bindings: { pre: "read", grad: "readwrite" },
  dims: { size: "u32" },
  cost: ({ size }) => ({ flops: 18 * size, bytes: 12 * size }),
  variants: elementwise(geluBackwardWgsl, { f32: geluLib + derivativeF32 + savedF32, vec4: geluLib + derivativeVec4 + savedF32 }),
  wasm: "geluBackward",
  meaning({ pre, grad }, { size }) {
    for (let i = 0; i < size; i++) grad[i] = grad[i]! * geluSlopeOf(pre[i]!);
  },
});

/** The same, `pre` stored as packed halves; size a multiple of four. */
export const geluBackwardHalf = storedHalf(geluBackward, {
  packed: { pre: ({ size }) => size },
  variants: (lib) => [elementwise(geluBackwardWgsl, { f32: "", vec4: lib + geluLib + derivativeVec4 + savedHalf })[1]!],
});
