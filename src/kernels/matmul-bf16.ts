/**
 * The products with operands stored as packed bf16: weights (their shadow), activations that wait for the backward. What is packed stands in
 * the name, in the order of the bindings; all else, sums above all, is f32. Kernels that store bf16 take N in multiples of four.
 */
import { defineKernel } from "../device/types.ts";
import { storedBf16 } from "./stored-bf16.ts";
import { matmulNN, matmulNNBias, matmulNNBiasGelu, matmulNNBiasResidual, matmulNT, matmulTN, productVariants, by4 } from "./matmul.ts";
import outBf16 from "../../shaders/lib/out-bf16-vec4.wgsl?raw";
import outF32 from "../../shaders/lib/out-f32.wgsl?raw";
import preBf16 from "../../shaders/lib/pre-bf16-vec4.wgsl?raw";
import geluLib from "../../shaders/lib/gelu.wgsl?raw";
import geluElementVec4 from "../../shaders/lib/gelu-element-vec4.wgsl?raw";
import matmulNNWgsl from "../../shaders/matmul-nn.wgsl?raw";
import matmulNTWgsl from "../../shaders/matmul-nt.wgsl?raw";
import matmulNTOutWgsl from "../../shaders/matmul-nt-out.wgsl?raw";
import matmulTNWgsl from "../../shaders/matmul-tn.wgsl?raw";
import matmulNNBiasWgsl from "../../shaders/matmul-nn-bias.wgsl?raw";
import matmulNNBiasGeluWgsl from "../../shaders/matmul-nn-bias-gelu.wgsl?raw";
import matmulNNBiasResidualWgsl from "../../shaders/matmul-nn-bias-residual.wgsl?raw";

type Shape = { readonly M: number; readonly N: number; readonly K: number };
const a = ({ M, K }: Shape): number => M * K;
const b = ({ K, N }: Shape): number => K * N;
const out = ({ M, N }: Shape): number => M * N;

/** The gradient of a head's input: dlogits by the weights' shadow. */
export const matmulNNBf16B = storedBf16(matmulNN, { name: "matmulNNBf16B", packed: { b }, variants: productVariants(matmulNNWgsl, { packed: ["b"] }) });

/** The low-rank product of an adapter, its weight's shadow (C, r). */
export const matmulNNBf16AB = storedBf16(matmulNN, { name: "matmulNNBf16AB", packed: { a, b }, variants: productVariants(matmulNNWgsl, { packed: ["a", "b"] }) });

/** Logits, and linear layers of torch's layout. */
export const matmulNTBf16AB = storedBf16(matmulNT, { name: "matmulNTBf16AB", packed: { a, b }, variants: productVariants(matmulNTWgsl, { packed: ["a", "b"] }) });

/** out (M, N) = a (M, K) b (N, K)^T, all three packed: a linear layer of torch's layout whose output waits for the backward. */
export const matmulNTBf16ABOut = defineKernel({
  name: "matmulNTBf16ABOut",
  bindings: { a: "read:bf16", b: "read:bf16", out: "write:bf16" },
  dims: { M: "u32", N: "u32", K: "u32" },
  cost: ({ M, N, K }) => ({ flops: 2 * M * N * K, bytes: 2 * (M * K + K * N + M * N) }),
  variants: productVariants(matmulNTOutWgsl, { packed: ["a", "b", "out"], vec4: outBf16 }),
  wasm: "matmulNTOut",
  meaning: (buffers, dims) => matmulNT.meaning(buffers, { ...dims, accumulate: 0, alpha: 1 }),
});

/** The gradient of a linear layer's input. */
export const matmulNTBf16B = storedBf16(matmulNT, { name: "matmulNTBf16B", packed: { b }, variants: productVariants(matmulNTWgsl, { packed: ["b"] }) });

const rowsOfTN = ({ M, N, K }: Shape): boolean => by4(M, N, K);

/** The gradient of a linear layer's weight. */
export const matmulTNBf16A = storedBf16(matmulTN, {
  name: "matmulTNBf16A", packed: { a }, variants: productVariants(matmulTNWgsl, { packed: ["a"], rowsBy4: rowsOfTN }),
});

/** The gradient of a head's weight. */
export const matmulTNBf16B = storedBf16(matmulTN, {
  name: "matmulTNBf16B", packed: { b }, variants: productVariants(matmulTNWgsl, { packed: ["b"], rowsBy4: rowsOfTN }),
});

export const matmulNNBiasBf16AB = storedBf16(matmulNNBias, {
  name: "matmulNNBiasBf16AB", packed: { a, b }, variants: productVariants(matmulNNBiasWgsl, { packed: ["a", "b"], f32: outF32, vec4: outF32 }),
});

export const matmulNNBiasBf16ABOut = storedBf16(matmulNNBias, {
  name: "matmulNNBiasBf16ABOut", packed: { a, b, out }, variants: productVariants(matmulNNBiasWgsl, { packed: ["a", "b", "out"], vec4: outBf16 }),
});

/** Both outputs are stored as bf16; the GELU is of the number before it is rounded. */
export const matmulNNBiasGeluBf16 = storedBf16(matmulNNBiasGelu, {
  name: "matmulNNBiasGeluBf16", packed: { a, b, pre: out, out },
  variants: productVariants(matmulNNBiasGeluWgsl, { packed: ["a", "b", "out"], vec4: geluLib + geluElementVec4 + preBf16 + outBf16 }),
});

/** The residual stream stays f32. */
export const matmulNNBiasResidualBf16AB = storedBf16(matmulNNBiasResidual, {
  name: "matmulNNBiasResidualBf16AB", packed: { a, b }, variants: productVariants(matmulNNBiasResidualWgsl, { packed: ["a", "b"] }),
});
