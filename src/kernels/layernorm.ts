/** LayerNorm (Ba, Kiros, Hinton, arXiv 1607.06450) over the last dimension, with what its backward needs kept. */
import { defineKernel } from "../device/types.ts";
import { groupsOf, threadPerRow } from "./elementwise.ts";
import { storedHalf } from "./stored-half.ts";
import pairWgsl from "../../shaders/layernorm-pair.wgsl?raw";
import plainWgsl from "../../shaders/layernorm.wgsl?raw";
import rowWgsl from "../../shaders/layernorm-row.wgsl?raw";
import elementF32 from "../../shaders/lib/element-f32.wgsl?raw";
import sumF32 from "../../shaders/lib/element-sum-f32.wgsl?raw";
import outHalf from "../../shaders/lib/out-half-vec4.wgsl?raw";
import outF32 from "../../shaders/lib/out-f32.wgsl?raw";
import sumVec4 from "../../shaders/lib/element-sum-vec4.wgsl?raw";
import elementVec4 from "../../shaders/lib/element-vec4.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";
import reduceSubgroup from "../../shaders/lib/reduce-subgroup.wgsl?raw";
import reduce from "../../shaders/lib/reduce.wgsl?raw";

/** Pairs of rows of one workgroup in the pair variant; the shader's WORKGROUP_SIZE. */
const GROUP_PAIRS = 16;

const pairVariant = (outSnippet: string) => ({
  name: "thread-per-two-rows",
  wgsl: elementVec4 + sumVec4 + outSnippet + linearId + pairWgsl,
  workgroups: ({ N }: { readonly N: number }) => groupsOf(N / 2, GROUP_PAIRS),
  fits: ({ C }: { readonly C: number }) => C % 16 === 0,
});

/** out = (inp - mean) rstd weight + bias, rstd = 1 / sqrt(variance + eps); inp, out (N, C), weight, bias (C), mean, rstd (N). */
export const layernorm = defineKernel({
  name: "layernorm",
  bindings: { inp: "read", weight: "read", bias: "read", out: "write", mean: "write", rstd: "write" },
  dims: { N: "u32", C: "u32", eps: "f32" },
  cost: ({ N, C }) => ({ flops: 8 * N * C, bytes: 8 * N * C + 8 * C + 8 * N }),
  variants: [
    ...threadPerRow(plainWgsl, outF32),
    pairVariant(outF32),
    { name: "workgroup-per-row", wgsl: elementF32 + sumF32 + outF32 + linearId + reduce + rowWgsl, workgroups: ({ N }) => N },
    {
      name: "workgroup-per-row-subgroups",
      wgsl: elementF32 + sumF32 + outF32 + linearId + reduceSubgroup + rowWgsl,
      workgroups: ({ N }) => N,
      requires: ["subgroups"],
    },
  ],
  wasm: "layernorm",
  meaning({ inp, weight, bias, out, mean, rstd }, { N, C, eps }) {
    for (let n = 0; n < N; n++) {
      const row = n * C;
      let sum = 0;
      for (let c = 0; c < C; c++) sum += inp[row + c]!;
      const m = sum / C;
      let squares = 0;
      for (let c = 0; c < C; c++) squares += (inp[row + c]! - m) * (inp[row + c]! - m);
      const r = 1 / Math.sqrt(squares / C + eps);
      for (let c = 0; c < C; c++) out[row + c] = (inp[row + c]! - m) * r * weight[c]! + bias[c]!;
      mean[n] = m;
      rstd[n] = r;
    }
  },
});

const by4 = ({ C }: { readonly C: number }): boolean => C % 4 === 0;

/** The same, `out` stored as packed halves; C a multiple of four. Mean and rstd are of the f32 input. */
export const layernormHalf = storedHalf(layernorm, {
  packed: { out: ({ N, C }) => N * C },
  variants: (lib) => [
    threadPerRow(plainWgsl, lib + outHalf)[1]!,
    pairVariant(lib + outHalf),
    { name: "workgroup-per-row", wgsl: elementVec4 + sumVec4 + lib + outHalf + linearId + reduce + rowWgsl, workgroups: ({ N }) => N, fits: by4 },
    { name: "workgroup-per-row-subgroups", wgsl: elementVec4 + sumVec4 + lib + outHalf + linearId + reduceSubgroup + rowWgsl, workgroups: ({ N }) => N, fits: by4, requires: ["subgroups"] },
  ],
});
