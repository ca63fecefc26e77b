/** A launch of every kernel that has a WebAssembly export, at odd edges and with fewer rows than threads: what split launches are compared over. */
import type { AnyKernel } from "../../src/device/types.ts";
import { kernels } from "../../src/kernels/index.ts";
import { ATTENTION_SHAPES, attentionDimsOf, startsOf } from "./attention-bounds.ts";
import { integers, values, type KernelCase } from "./kernel-harness.ts";

/** Elements of a binding, or its contents. */
type Contents = number | Float32Array | Uint32Array;
interface Shape {
  readonly dims: Readonly<Record<string, number>>;
  readonly of: Readonly<Record<string, Contents>>;
}

const PRODUCTS = [[1, 1, 1], [1, 40, 300], [2, 64, 512], [5, 7, 9], [3, 600, 70], [131, 300, 40], [40, 33, 257], [129, 257, 513]] as const;
const SIZES = [1, 3, 16, 17, 63, 65, 257, 1025] as const;
const ROWS = [[1, 1], [1, 65], [2, 32], [3, 16], [7, 33], [33, 48], [65, 257]] as const;

const products = (extra: (M: number, N: number) => Record<string, Contents>, more: Record<string, number>): Shape[] =>
  PRODUCTS.map(([M, K, N]) => ({ dims: { M, N, K, ...more }, of: { a: M * K, b: K * N, out: M * N, ...extra(M, N) } }));
const plain = (): Shape[] => [...products(() => ({}), { accumulate: 0, alpha: 1 }), ...products(() => ({}), { accumulate: 1, alpha: -0.37 })];
const rows = (make: (N: number, C: number) => Shape): Shape[] => ROWS.map(([N, C]) => make(N, C));
const sizes = (names: readonly string[], more: Record<string, number> = {}): Shape[] =>
  SIZES.map((size) => ({ dims: { size, ...more }, of: Object.fromEntries(names.map((name) => [name, size])) }));
const positive = (length: number, seed: number): Float32Array => values("normal", length, seed).map((x) => 0.1 + Math.abs(x));

const attentionShapes = (make: (N: number, dims: ReturnType<typeof attentionDimsOf>) => Record<string, Contents>): Shape[] =>
  [...ATTENTION_SHAPES.slice(0, 5), [2, 19, 4, 2, 8] as const].map((shape, i) => {
    const dims = attentionDimsOf(shape);
    const N = dims.B * dims.T;
    return { dims: { ...dims }, of: { qkv: N * (dims.NH + 2 * dims.NKV) * dims.HS, start: startsOf(dims, i % 2 ? "several" : "one"), ...make(N, dims) } };
  });

const ropes = (names: readonly [string, string, string, string]): Shape[] =>
  [[1, 1, 1, 2], [3, 4, 2, 8], [7, 3, 1, 6], [33, 2, 2, 16]].map(([N, NH, NKV, HS]) => {
    const [q, k, v, qkv] = names;
    return { dims: { N: N!, NH: NH!, NKV: NKV!, HS: HS! }, of: { [q]: N! * NH! * HS!, [k]: N! * NKV! * HS!, [v]: N! * NKV! * HS!, [qkv]: N! * (NH! + 2 * NKV!) * HS!, pos: integers(N!, 9, 5), turns: 9 * HS! } };
  });

const hyper = { beta1: 0.9, oneMinusBeta1: 1 - 0.9, beta2: 0.999, oneMinusBeta2: 1 - 0.999, eps: 1e-8, weightDecay: 0.1 };
const rowBoth = (N: number, C: number, accumulate: number): Shape => ({ dims: { N, C, accumulate }, of: { inp: N * C, weight: C, mean: N, rstd: positive(N, 9), dout: N * C, dinp: N * C } });

const SHAPES: Readonly<Record<string, () => readonly Shape[]>> = {
  accumulate: () => sizes(["inp", "out"]),
  adamw: () => SIZES.map((size) => ({
    dims: { size, ...hyper },
    of: { param: size, grad: size, m: size, v: positive(size, 4), stepF: Float32Array.of(3e-4, 1, 1, 1), counts: Uint32Array.of(3, 0, 0, 3), scalars: Float32Array.of(2, 0.5, 1 - 0.9 ** 3, 1 - 0.999 ** 3) },
  })),
  add: () => sizes(["a", "b", "out"]),
  attention: () => attentionShapes((N, { NH, HS }) => ({ out: N * NH * HS, lse: N * NH })),
  attentionBackwardKV: () => attentionShapes((N, { NH, NKV, HS }) => ({ dout: N * NH * HS, lse: positive(N * NH, 6), delta: N * NH, dqkv: N * (NH + 2 * NKV) * HS })),
  attentionBackwardQ: () => attentionShapes((N, { NH, NKV, HS }) => ({ out: N * NH * HS, dout: N * NH * HS, lse: positive(N * NH, 6), delta: N * NH, dqkv: N * (NH + 2 * NKV) * HS })),
  columnSum: () => [0, 1].flatMap((accumulate) => rows((N, C) => ({ dims: { N, C, accumulate }, of: { inp: N * C, out: C } }))),
  copy: () => [4, 16, 20, 1024].map((size) => ({ dims: { size }, of: { inp: size, out: size } })),
  crossEntropy: () => rows((N, V) => ({ dims: { N, V }, of: { logits: N * V, targets: integers(N, V, 3), mask: Float32Array.from({ length: N }, (_, n) => (n % 3 === 1 ? 0 : 1)), stepF: Float32Array.of(1e-3, 1, 0.25, 1), loss: N } })),
  gelu: () => sizes(["inp", "out"]),
  geluBackward: () => sizes(["pre", "grad"]),
  layernorm: () => rows((N, C) => ({ dims: { N, C, eps: 1e-5 }, of: { inp: N * C, weight: C, bias: C, out: N * C, mean: N, rstd: N } })),
  layernormBackward: () => [0, 1].flatMap((accumulate) => rows((N, C) => rowBoth(N, C, accumulate))),
  layernormBackwardParams: () => rows((N, C) => ({ dims: { N, C }, of: { inp: N * C, mean: N, rstd: positive(N, 9), dout: N * C, dweight: C, dbias: C } })),
  matmulNN: plain,
  matmulNNBias: () => products((_, N) => ({ bias: N }), {}),
  matmulNNBiasGelu: () => products((M, N) => ({ bias: N, pre: M * N }), {}),
  matmulNNBiasResidual: () => products((M, N) => ({ bias: N, residual: M * N }), {}),
  matmulNT: plain,
  matmulNTF16ABOut: () => products(() => ({}), {}).filter(({ dims }) => dims["N"]! % 4 === 0),
  matmulNTBf16ABOut: () => products(() => ({}), {}).filter(({ dims }) => dims["N"]! % 4 === 0),
  matmulTN: plain,
  packF16: () => [4, 16, 36, 68, 1028].map((size) => ({ dims: { size }, of: { inp: size, out: size } })),
  packBf16: () => [4, 16, 36, 68, 1028].map((size) => ({ dims: { size }, of: { inp: size, out: size } })),
  peakFma: () => [4, 20, 1024].map((size) => ({ dims: { size, rounds: 3 }, of: { inp: size, out: size } })),
  rmsnorm: () => rows((N, C) => ({ dims: { N, C, eps: 1e-5 }, of: { inp: N * C, weight: C, out: N * C, rstd: N } })),
  rmsnormBackward: () => [0, 1].flatMap((accumulate) => rows((N, C) => rowBoth(N, C, accumulate))),
  rmsnormBackwardWeight: () => rows((N, C) => ({ dims: { N, C }, of: { inp: N * C, rstd: positive(N, 9), dout: N * C, dweight: C } })),
  rope: () => ropes(["q", "k", "v", "qkv"]),
  ropeBackward: () => ropes(["dq", "dk", "dv", "dqkv"]),
  softmax: () => rows((N, C) => ({ dims: { N, C }, of: { inp: N * C, out: N * C } })),
  sumSquares: () => [1, 2, 7, 64].flatMap((partials) => SIZES.map((size) => ({ dims: { size, partials }, of: { inp: size, partial: partials } }))),
  swiglu: () => sizes(["gate", "up", "out"]),
  swigluBackward: () => sizes(["gate", "up", "dout", "dgate", "dup"]),
};

type Given = Omit<KernelCase, "bound">;

/** What is read holds numbers, what is only written starts poisoned. */
function caseOf(kernel: AnyKernel, { dims, of }: Shape): Given {
  const inputs: Record<string, Float32Array | Uint32Array> = {};
  const outputs: Record<string, number> = {};
  Object.entries(kernel.bindings).forEach(([name, spec], i) => {
    const contents = of[name]!;
    if (typeof contents !== "number") inputs[name] = contents;
    else if (spec.startsWith("write")) outputs[name] = contents;
    else inputs[name] = values("normal", contents, 20 + i);
  });
  return { dims, inputs, outputs };
}

const isPacked = ({ bindings }: AnyKernel): boolean => Object.values(bindings).some((spec) => /:b?f16$/.test(spec));
const all = Object.values(kernels as unknown as Record<string, AnyKernel>);

/** An export that serves a kernel of packed operands too is compared by its f32 kernel, where there is one. */
const isServed = (kernel: AnyKernel): boolean => isPacked(kernel) && all.some((other) => other.wasm === kernel.wasm && !isPacked(other));

/** Every kernel with an export, with its launches. @throws where a kernel has none here */
export const threadCases: readonly (readonly [name: string, kernel: AnyKernel, cases: () => Given[]])[] = all
  .filter((kernel) => kernel.wasm !== undefined && !isServed(kernel))
  .map((kernel) => {
    const shapes = SHAPES[kernel.name];
    if (!shapes) throw new Error(`${kernel.name} has an export and no launches to compare with threads: add them here`);
    return [kernel.name, kernel, () => shapes().map((shape) => caseOf(kernel, shape))] as const;
  });
