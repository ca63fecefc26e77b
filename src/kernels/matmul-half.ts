/**
 * The products with operands stored as packed halves: weights (their shadow), activations that wait for the backward. What is packed stands in
 * the name, in the order of the bindings; all else, sums above all, is f32. Kernels that store halves take N in multiples of four. Of f16 there are
 * variants that multiply in f16 too.
 */
import { defineKernel, type Bindings, type Kernel } from "../device/types.ts";
import { bothHalves, type Halves, storedHalf } from "./stored-half.ts";
import { matmulNN, matmulNNBias, matmulNNBiasGelu, matmulNNBiasResidual, matmulNT, matmulTN, type PackedOperand, productVariants, by4, type ProductOptions } from "./matmul.ts";
import outHalf from "../../shaders/lib/out-half-vec4.wgsl?raw";
import outF32 from "../../shaders/lib/out-f32.wgsl?raw";
import preHalf from "../../shaders/lib/pre-half-vec4.wgsl?raw";
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
type ShapeDims = { readonly M: "u32"; readonly N: "u32"; readonly K: "u32" };
const COUNTS: Readonly<Record<PackedOperand, (dims: Shape) => number>> = { a: ({ M, K }) => M * K, b: ({ K, N }) => K * N, out: ({ M, N }) => M * N };

/** `of` with these operands packed; with "out" all that is written. */
function packedProduct<B extends Bindings, D extends ShapeDims>(of: Kernel<B, D>, suffix: string, wgsl: string, packed: readonly PackedOperand[], options: Omit<ProductOptions, "packed" | "half"> = {}): Halves<Kernel<B, D>> {
  const written = packed.includes("out") ? Object.keys(of.bindings).filter((name) => of.bindings[name] === "write") : [];
  const counts = Object.fromEntries([...packed.filter((name) => name !== "out").map((name) => [name, COUNTS[name]]), ...written.map((name) => [name, COUNTS.out])]) as Record<string, (dims: Shape) => number>;
  return storedHalf(of, {
    suffix, packed: counts as Parameters<typeof storedHalf<B, D>>[1]["packed"], variants: (_lib, type) => productVariants(wgsl, { ...options, packed, half: type }),
  });
}

const rowsOfTN = { rowsBy4: ({ M, N, K }: Shape): boolean => by4(M, N, K) };

/** The low-rank product of an adapter, its weight's shadow (C, r). */
export const matmulNNHalfAB = packedProduct(matmulNN, "AB", matmulNNWgsl, ["a", "b"]);
/** The gradient of a head's input, dlogits by the weights' shadow; that of a linear layer's input in torch's layout. */
export const matmulNNHalfB = packedProduct(matmulNN, "B", matmulNNWgsl, ["b"]);
/** Logits, and linear layers of torch's layout. */
export const matmulNTHalfAB = packedProduct(matmulNT, "AB", matmulNTWgsl, ["a", "b"]);
/** The gradient of a linear layer's input. */
export const matmulNTHalfB = packedProduct(matmulNT, "B", matmulNTWgsl, ["b"]);
/** The gradient of a linear layer's weight. */
export const matmulTNHalfA = packedProduct(matmulTN, "A", matmulTNWgsl, ["a"], rowsOfTN);
/** The gradient of a head's weight, and of a linear layer's in torch's layout. */
export const matmulTNHalfB = packedProduct(matmulTN, "B", matmulTNWgsl, ["b"], rowsOfTN);
export const matmulNNBiasHalfAB = packedProduct(matmulNNBias, "AB", matmulNNBiasWgsl, ["a", "b"], { f32: outF32, vec4: outF32 });
export const matmulNNBiasHalfABOut = packedProduct(matmulNNBias, "ABOut", matmulNNBiasWgsl, ["a", "b", "out"], { vec4: outHalf });
/** Both outputs are packed; the GELU is of the number before it is rounded. */
export const matmulNNBiasGeluHalf = packedProduct(matmulNNBiasGelu, "", matmulNNBiasGeluWgsl, ["a", "b", "out"], { vec4: geluLib + geluElementVec4 + preHalf + outHalf });
/** The residual stream stays f32. */
export const matmulNNBiasResidualHalfAB = packedProduct(matmulNNBiasResidual, "AB", matmulNNBiasResidualWgsl, ["a", "b"]);

/** out (M, N) = a (M, K) b (N, K)^T, all three packed: a linear layer of torch's layout whose output waits for the backward. */
export const matmulNTHalfABOut = bothHalves((type, inName) => defineKernel({
  name: `matmulNT${inName}ABOut`,
  bindings: { a: `read:${type}`, b: `read:${type}`, out: `write:${type}` },
  dims: { M: "u32", N: "u32", K: "u32" },
  cost: ({ M, N, K }) => ({ flops: 2 * M * N * K, bytes: 2 * (M * K + K * N + M * N) }),
  variants: productVariants(matmulNTOutWgsl, { packed: ["a", "b", "out"], half: type, vec4: outHalf }),
  wasm: "matmulNTOut",
  meaning: (buffers, dims) => matmulNT.meaning(buffers, { ...dims, accumulate: 0, alpha: 1 }),
}));
