/**
 * The matrix products: plain, with either side transposed, and with the epilogues of a transformer's linear layers. Every
 * sum runs over the whole of K in one workgroup, so no variant needs atomics or a second launch.
 */
import { defineKernel, type DimValues, type FloatArray, type KernelVariant } from "../device/types.ts";
import type { HalfType } from "../core/half.ts";
import { geluOf } from "./gelu.ts";
import { HALF_LIB } from "./stored-half.ts";
import aHalf from "../../shaders/lib/a-half.wgsl?raw";
import aHalfVec4 from "../../shaders/lib/a-half-vec4.wgsl?raw";
import aF32 from "../../shaders/lib/a-f32.wgsl?raw";
import arithmeticF16 from "../../shaders/lib/arithmetic-f16.wgsl?raw";
import arithmeticF32 from "../../shaders/lib/arithmetic-f32.wgsl?raw";
import bHalf from "../../shaders/lib/b-half.wgsl?raw";
import bHalfVec4 from "../../shaders/lib/b-half-vec4.wgsl?raw";
import bF32 from "../../shaders/lib/b-f32.wgsl?raw";
import elementF32 from "../../shaders/lib/element-f32.wgsl?raw";
import elementVec4 from "../../shaders/lib/element-vec4.wgsl?raw";
import geluLib from "../../shaders/lib/gelu.wgsl?raw";
import geluElementF32 from "../../shaders/lib/gelu-element-f32.wgsl?raw";
import geluElementVec4 from "../../shaders/lib/gelu-element-vec4.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";
import blocks from "../../shaders/lib/matmul-blocks.wgsl?raw";
import blocks16 from "../../shaders/lib/matmul-blocks-16.wgsl?raw";
import quads16 from "../../shaders/lib/matmul-quads-16.wgsl?raw";
import loadF32 from "../../shaders/lib/matmul-load-f32.wgsl?raw";
import loadVec4 from "../../shaders/lib/matmul-load-vec4.wgsl?raw";
import plain from "../../shaders/lib/matmul-plain.wgsl?raw";
import splitK from "../../shaders/lib/matmul-split.wgsl?raw";
import tiled from "../../shaders/lib/matmul-tiles.wgsl?raw";
import plainFourWgsl from "../../shaders/lib/matmul-plain-four.wgsl?raw";
import outF32 from "../../shaders/lib/out-f32.wgsl?raw";
import preF32 from "../../shaders/lib/pre-f32.wgsl?raw";
import matmulNNWgsl from "../../shaders/matmul-nn.wgsl?raw";
import matmulNTWgsl from "../../shaders/matmul-nt.wgsl?raw";
import matmulTNWgsl from "../../shaders/matmul-tn.wgsl?raw";
import matmulNNBiasWgsl from "../../shaders/matmul-nn-bias.wgsl?raw";
import matmulNNBiasGeluWgsl from "../../shaders/matmul-nn-bias-gelu.wgsl?raw";
import matmulNNBiasResidualWgsl from "../../shaders/matmul-nn-bias-residual.wgsl?raw";

type Shape = { readonly M: number; readonly N: number; readonly K: number };
type ProductDims = { readonly M: "u32"; readonly N: "u32"; readonly K: "u32"; readonly accumulate: "u32"; readonly alpha: "f32" };

const GROUP_OUTPUTS = 64; // of the plain variant
const TILE = 64; // outputs a side of a workgroup's tile in the 8 x 8 and tile variants
const SPLIT_TILE = 32; // outputs a side of a workgroup's tile where K is split
/** K is split from here on, where tiles of 64 would be too few to keep a GPU busy. */
const SPLIT_LEAST_K = 256;
const SPLIT_MOST_OUTPUTS = 2 ** 17;
const LARGE_BLOCK = 16; // outputs a side of one invocation's block in the 16 x 16 variant
const LARGE_BLOCK_THREADS = 4; // its workgroup

const tiles = ({ M, N }: Shape, side = TILE): number => Math.ceil(M / side) * Math.ceil(N / side);
export const by4 = (...sizes: readonly number[]): boolean => sizes.every((size) => size % 4 === 0);

export type PackedOperand = "a" | "b" | "out";

export interface ProductOptions {
  /** What is stored as packed halves; "out" = all that is written, in multiples of four. */
  readonly packed?: readonly PackedOperand[];
  /** Of which format; with f16 there is a variant that multiplies in it, where the device can. */
  readonly half?: HalfType;
  /** What the module needs beside the operands, by the width of its elements. */
  readonly f32?: string;
  readonly vec4?: string;
  /** Whether every row loaded or stored is a multiple of four. */
  readonly rowsBy4?: (dims: Shape) => boolean;
}

/**
 * Plain; register blocks for any shape; where every row loaded or stored is a multiple of four: large register blocks, the same as before with
 * vec4 loads, tiles in workgroup memory, and K in parts. Blocks and tiles add in one order, parts in another. Where outputs are packed, all take
 * multiples of four only. With operands in f16 the last one multiplies in f16, four k at a time, and adds those sums up in f32.
 */
export function productVariants(wgsl: string, { packed = [], half = "bf16", f32 = "", vec4 = "", rowsBy4 = ({ K, N }) => by4(K, N) }: ProductOptions = {}) {
  const [halfA, halfB, halfOut] = [packed.includes("a"), packed.includes("b"), packed.includes("out")];
  const lib = (packed.length > 0 ? HALF_LIB[half] : "") + linearId;
  const scalar = (halfA ? aHalf : aF32) + (halfB ? bHalf : bF32);
  const fours = elementVec4 + lib + vec4 + (halfA ? aHalfVec4 : aF32) + (halfB ? bHalfVec4 : bF32) + loadVec4;
  const plainOne = {
    name: "plain",
    wgsl: elementF32 + lib + f32 + scalar + plain + wgsl,
    workgroups: ({ M, N }: Shape) => Math.ceil((M * N) / GROUP_OUTPUTS),
  };
  const plainFour = {
    name: "plain",
    wgsl: elementVec4 + lib + vec4 + scalar + plainFourWgsl + wgsl,
    workgroups: ({ M, N }: Shape) => Math.ceil((M * N) / 4 / GROUP_OUTPUTS),
    fits: ({ N }: Shape) => by4(N),
  };
  const blocksOne = { name: "blocks-8x8", wgsl: elementF32 + lib + f32 + scalar + loadF32 + blocks + wgsl, workgroups: (dims: Shape) => tiles(dims) };
  const inTiles = (dims: Shape): boolean => dims.M >= TILE / 2 && dims.N >= TILE / 2 && rowsBy4(dims);
  const tilesF16 = { name: "tiles-64-f16", wgsl: fours + arithmeticF16 + tiled + wgsl, workgroups: (dims: Shape) => tiles(dims), fits: inTiles, requires: ["shader-f16" as const] };
  return [
    ...(halfOut ? [plainFour] : [plainOne, blocksOne]),
    {
      name: "blocks-16x16-vec4",
      wgsl: fours + blocks16 + wgsl,
      workgroups: ({ M, N }: Shape) => Math.ceil((Math.ceil(M / LARGE_BLOCK) * Math.ceil(N / LARGE_BLOCK)) / LARGE_BLOCK_THREADS),
      fits: (dims: Shape) => dims.M >= 2 * LARGE_BLOCK && dims.N >= 2 * LARGE_BLOCK && rowsBy4(dims),
      forSoftware: true,
    },
    {
      name: "quads-16x16-vec4",
      wgsl: fours + quads16 + wgsl,
      workgroups: (dims: Shape) => tiles(dims, 2 * LARGE_BLOCK),
      fits: (dims: Shape) => dims.M >= 2 * LARGE_BLOCK && dims.N >= 2 * LARGE_BLOCK && rowsBy4(dims),
      forSoftware: true,
      requires: ["subgroups"],
    },
    { name: "blocks-8x8-vec4", wgsl: fours + blocks + wgsl, workgroups: (dims: Shape) => tiles(dims), fits: rowsBy4 },
    {
      name: "tiles-64-vec4",
      wgsl: fours + arithmeticF32 + tiled + wgsl,
      workgroups: (dims: Shape) => tiles(dims),
      fits: inTiles,
    },
    {
      name: "split-k-vec4",
      wgsl: fours + splitK + wgsl,
      workgroups: (dims: Shape) => tiles(dims, SPLIT_TILE),
      fits: (dims: Shape) => dims.K >= SPLIT_LEAST_K && dims.M * dims.N <= SPLIT_MOST_OUTPUTS && rowsBy4(dims),
    },
    ...(packed.length > 0 && half === "f16" ? [tilesF16] : []),
  ] satisfies readonly (Omit<KernelVariant, "workgroups" | "fits"> & { workgroups: (dims: Shape) => number; fits?: (dims: Shape) => boolean })[];
}

const bytes = (...floats: readonly number[]): number => 4 * floats.reduce((sum, count) => sum + count, 0);
const flops = ({ M, N, K }: Shape): number => 2 * M * N * K;

function productCost(dims: DimValues<ProductDims>): { flops: number; bytes: number } {
  const { M, N, K, accumulate, alpha } = dims;
  return {
    flops: flops(dims) + (alpha === 1 ? 0 : M * N) + (accumulate ? M * N : 0),
    bytes: bytes(M * K, K * N, (accumulate ? 2 : 1) * M * N),
  };
}

/** alpha * sum over k of a[row, k] b[k, column] (+ out), each operand by its strides. */
function product(
  { a, b, out }: { readonly a: FloatArray; readonly b: FloatArray; readonly out: FloatArray },
  { M, N, K, accumulate, alpha }: DimValues<ProductDims>,
  [aRow, aK]: readonly [number, number],
  [bK, bColumn]: readonly [number, number],
): void {
  for (let row = 0; row < M; row++) {
    for (let column = 0; column < N; column++) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += a[row * aRow + k * aK]! * b[k * bK + column * bColumn]!;
      const index = row * N + column;
      out[index] = alpha * sum + (accumulate ? out[index]! : 0);
    }
  }
}

/** Calls `finish` with every a b + bias, a (M, K), b (K, N), bias (N). */
function biased(
  { a, b, bias }: { readonly a: FloatArray; readonly b: FloatArray; readonly bias: FloatArray },
  { M, N, K }: Shape,
  finish: (index: number, value: number) => void,
): void {
  for (let row = 0; row < M; row++) {
    for (let column = 0; column < N; column++) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += a[row * K + k]! * b[k * N + column]!;
      finish(row * N + column, sum + bias[column]!);
    }
  }
}

/** out (M, N) = alpha a (M, K) b (K, N), plus out where `accumulate` is not 0. Without it `out` is not read. */
export const matmulNN = defineKernel({
  name: "matmulNN",
  bindings: { a: "read", b: "read", out: "readwrite" },
  dims: { M: "u32", N: "u32", K: "u32", accumulate: "u32", alpha: "f32" },
  cost: productCost,
  variants: productVariants(matmulNNWgsl),
  wasm: "matmulNN",
  meaning: (buffers, dims) => product(buffers, dims, [dims.K, 1], [dims.N, 1]),
});

/** As matmulNN with b (N, K): out = alpha a b^T. The gradient of a linear layer's input. */
export const matmulNT = defineKernel({
  name: "matmulNT",
  bindings: { a: "read", b: "read", out: "readwrite" },
  dims: { M: "u32", N: "u32", K: "u32", accumulate: "u32", alpha: "f32" },
  cost: productCost,
  variants: productVariants(matmulNTWgsl),
  wasm: "matmulNT",
  meaning: (buffers, dims) => product(buffers, dims, [dims.K, 1], [1, dims.K]),
});

/** As matmulNN with a (K, M): out = alpha a^T b. The gradient of a linear layer's weight. */
export const matmulTN = defineKernel({
  name: "matmulTN",
  bindings: { a: "read", b: "read", out: "readwrite" },
  dims: { M: "u32", N: "u32", K: "u32", accumulate: "u32", alpha: "f32" },
  cost: productCost,
  variants: productVariants(matmulTNWgsl, { rowsBy4: ({ M, N, K }) => by4(M, N, K) }),
  wasm: "matmulTN",
  meaning: (buffers, dims) => product(buffers, dims, [1, dims.M], [dims.N, 1]),
});

/** out (M, N) = a (M, K) b (K, N) + bias (N). */
export const matmulNNBias = defineKernel({
  name: "matmulNNBias",
  bindings: { a: "read", b: "read", bias: "read", out: "write" },
  dims: { M: "u32", N: "u32", K: "u32" },
  cost: (dims) => ({ flops: flops(dims) + dims.M * dims.N, bytes: bytes(dims.M * dims.K, dims.K * dims.N, dims.N, dims.M * dims.N) }),
  variants: productVariants(matmulNNBiasWgsl, { f32: outF32, vec4: outF32 }),
  wasm: "matmulNNBias",
  meaning(buffers, dims) {
    biased(buffers, dims, (index, value) => void (buffers.out[index] = value));
  },
});

/** pre (M, N) = a b + bias; out (M, N) = gelu(pre), tanh form. The GELU counts as ten operations. */
export const matmulNNBiasGelu = defineKernel({
  name: "matmulNNBiasGelu",
  bindings: { a: "read", b: "read", bias: "read", pre: "write", out: "write" },
  dims: { M: "u32", N: "u32", K: "u32" },
  cost: (dims) => ({
    flops: flops(dims) + 11 * dims.M * dims.N,
    bytes: bytes(dims.M * dims.K, dims.K * dims.N, dims.N, 2 * dims.M * dims.N),
  }),
  variants: productVariants(matmulNNBiasGeluWgsl, { f32: geluLib + geluElementF32 + preF32 + outF32, vec4: geluLib + geluElementVec4 + preF32 + outF32 }),
  wasm: "matmulNNBiasGelu",
  meaning(buffers, dims) {
    biased(buffers, dims, (index, value) => {
      buffers.pre[index] = value;
      buffers.out[index] = geluOf(value);
    });
  },
});

/** out (M, N) = a (M, K) b (K, N) + bias (N) + residual (M, N). */
export const matmulNNBiasResidual = defineKernel({
  name: "matmulNNBiasResidual",
  bindings: { a: "read", b: "read", bias: "read", residual: "read", out: "write" },
  dims: { M: "u32", N: "u32", K: "u32" },
  cost: (dims) => ({
    flops: flops(dims) + 2 * dims.M * dims.N,
    bytes: bytes(dims.M * dims.K, dims.K * dims.N, dims.N, 2 * dims.M * dims.N),
  }),
  variants: productVariants(matmulNNBiasResidualWgsl),
  wasm: "matmulNNBiasResidual",
  meaning(buffers, dims) {
    biased(buffers, dims, (index, value) => void (buffers.out[index] = value + buffers.residual[index]!));
  },
});
