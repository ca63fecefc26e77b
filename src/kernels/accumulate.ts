/** Adding one tensor to another in place: gradients that meet where a value was used twice. */
import { defineKernel } from "../device/types.ts";
import { elementwise } from "./elementwise.ts";
import accumulateWgsl from "../../shaders/accumulate.wgsl?raw";

/** out += inp, both (size). */
export const accumulate = defineKernel({
  name: "accumulate",
  bindings: { inp: "read", out: "readwrite" },
  dims: { size: "u32" },
  cost: ({ size }) => ({ flops: size, bytes: 12 * size }),
  variants: elementwise(accumulateWgsl),
  wasm: "accumulate",
  meaning({ inp, out }, { size }) {
    for (let i = 0; i < size; i++) out[i] = out[i]! + inp[i]!;
  },
});
