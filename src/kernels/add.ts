/** The sum of two tensors: residual connections where no matmul epilogue does it. */
import { defineKernel } from "../device/types.ts";
import { elementwise } from "./elementwise.ts";
import addWgsl from "../../shaders/add.wgsl?raw";

/** out = a + b, all (size). */
export const add = defineKernel({
  name: "add",
  bindings: { a: "read", b: "read", out: "write" },
  dims: { size: "u32" },
  cost: ({ size }) => ({ flops: size, bytes: 12 * size }),
  variants: elementwise(addWgsl),
  wasm: "add",
  meaning({ a, b, out }, { size }) {
    for (let i = 0; i < size; i++) out[i] = a[i]! + b[i]!;
  },
});
