/**
 * Causal attention on packed qkv with document starts (Vaswani et al., arXiv 1706.03762). No T x T tensor: the shaders keep a
 * running maximum and sum (Milakov, Gimelshein, arXiv 1805.02867). Not decoding, which has a kernel of its own.
 */
import { defineKernel, type DimValues, type KernelVariant } from "../device/types.ts";
import { groupsOf } from "./elementwise.ts";
import { storedHalf } from "./stored-half.ts";
import plainWgsl from "../../shaders/attention.wgsl?raw";
import fourWgsl from "../../shaders/attention-four.wgsl?raw";
import headWgsl from "../../shaders/attention-head.wgsl?raw";
import tileWgsl from "../../shaders/attention-tile.wgsl?raw";
import elementHead from "../../shaders/lib/element-head.wgsl?raw";
import elementVec4 from "../../shaders/lib/element-vec4.wgsl?raw";
import head8Half from "../../shaders/lib/head-8-half.wgsl?raw";
import head16Half from "../../shaders/lib/head-16-half.wgsl?raw";
import head32Half from "../../shaders/lib/head-32-half.wgsl?raw";
import head64Half from "../../shaders/lib/head-64-half.wgsl?raw";
import outHalfHead from "../../shaders/lib/out-half-head.wgsl?raw";
import outHalfVec4 from "../../shaders/lib/out-half-vec4.wgsl?raw";
import outF32 from "../../shaders/lib/out-f32.wgsl?raw";
import qkvHalfHead from "../../shaders/lib/qkv-half-head.wgsl?raw";
import qkvHalfVec4 from "../../shaders/lib/qkv-half-vec4.wgsl?raw";
import qkvF32 from "../../shaders/lib/qkv-f32.wgsl?raw";
import head8 from "../../shaders/lib/head-8.wgsl?raw";
import head16 from "../../shaders/lib/head-16.wgsl?raw";
import head32 from "../../shaders/lib/head-32.wgsl?raw";
import head64 from "../../shaders/lib/head-64.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";

export const attentionDims = { B: "u32", T: "u32", NH: "u32", NKV: "u32", HS: "u32" } as const;
export type AttentionDims = DimValues<typeof attentionDims>;

/** Where things lie in qkv, and the scale of scores. q | k | v in a row of (NH + 2 NKV) HS; query head h reads key head h / group. */
export function attentionLayout({ NH, NKV, HS }: AttentionDims): { stride: number; keys: number; values: number; group: number; scale: number } {
  return { stride: (NH + 2 * NKV) * HS, keys: NH * HS, values: (NH + NKV) * HS, group: NH / NKV, scale: 1 / Math.sqrt(HS) };
}

/** Pairs of query and key that a causal pass over whole documents of T tokens visits, over all heads. */
export const attentionPairs = ({ B, T, NH }: AttentionDims): number => (B * NH * T * (T + 1)) / 2;

const headSize = ({ HS }: AttentionDims): { HEAD_SIZE: number } => ({ HEAD_SIZE: HS });
/** The shaders hold vectors in registers by four, and more than 128 elements do not fit there. */
const headFits = ({ HS }: AttentionDims): boolean => HS % 4 === 0 && HS <= 128;

const heads: readonly { readonly size: number; readonly wgsl: string; readonly packed: string }[] = [
  { size: 8, wgsl: head8, packed: head8Half }, { size: 16, wgsl: head16, packed: head16Half },
  { size: 32, wgsl: head32, packed: head32Half }, { size: 64, wgsl: head64, packed: head64Half },
];
/** Queries or keys of one workgroup in the tile variants; the shaders' WORKGROUP_SIZE. */
const BLOCK = 64;

/** How a kernel reads and writes what is stored for the backward: by four numbers, and by heads. */
export interface StoredSnippets {
  readonly vec4: string;
  readonly head: string;
  /** What reads and writes the packed format; "" = f32. */
  readonly lib: string;
}

/** A module for any head size, in registers by four; then modules over `Head`: one query or key a thread, four a thread, and one a thread with tiles in workgroup memory. */
export interface HeadModules {
  readonly plain: { readonly name: string; readonly wgsl: string };
  readonly one: string;
  readonly four: string;
  readonly tile: string;
}

/** Variants for any head size, and for those whose registers are written out (lib/head-*.wgsl); `rows` heads for each token of a sequence. */
export function attentionVariants(wgsl: HeadModules, rows: (dims: AttentionDims) => number, stored: StoredSnippets): KernelVariant<typeof attentionDims>[] {
  const plain = {
    name: wgsl.plain.name,
    wgsl: elementVec4 + stored.lib + stored.vec4 + linearId + wgsl.plain.wgsl,
    constants: headSize,
    workgroups: (dims: AttentionDims) => groupsOf(dims.B * dims.T * rows(dims)),
    fits: headFits,
  };
  return [plain, ...heads.flatMap(({ size, wgsl: head, packed }) => {
    const fits = ({ HS }: AttentionDims): boolean => HS === size;
    const text = (module: string): string => elementHead + (stored.lib ? stored.lib + head + packed : head) + stored.head + linearId + module;
    const one = { name: `head-${size}`, wgsl: text(wgsl.one), workgroups: (dims: AttentionDims) => groupsOf(dims.B * rows(dims) * dims.T), fits };
    const four = {
      name: `head-${size}-by-4`,
      wgsl: text(wgsl.four),
      workgroups: (dims: AttentionDims) => groupsOf(dims.B * rows(dims) * Math.ceil(dims.T / 4)),
      fits,
    };
    const tile = {
      name: `head-${size}-tile`,
      wgsl: text(wgsl.tile),
      // Two tiles in workgroup memory, at most 8 KiB.
      constants: () => ({ TILE: size > 32 ? 16 : 32 }),
      workgroups: (dims: AttentionDims) => dims.B * rows(dims) * Math.ceil(dims.T / BLOCK),
      fits,
    };
    // Four times a head of 64 would fill no machine's registers.
    return size <= 32 ? [one, four, tile] : [one, tile];
  })];
}

const modules: HeadModules = { plain: { name: "thread-per-query", wgsl: plainWgsl }, one: headWgsl, four: fourWgsl, tile: tileWgsl };

let shared = new Float64Array(0);

/** Room for `length` numbers, shared by calls that do not overlap. Contents are left over from before. */
export function attentionScratch(length: number): Float64Array {
  if (shared.length < length) shared = new Float64Array(length);
  return shared;
}

/**
 * out[n, h] = the sum over s of softmax_s(q[n, h] . k[s] / sqrt(HS)) v[s], keys s from start[n] to t in n's own sequence, n = b T + t;
 * lse[n, h] = log of the sum of exponentials. qkv (N, (NH + 2 NKV) HS), start (N) columns of 0..t, out (N, NH HS), lse (N, NH).
 */
export const attention = defineKernel({
  name: "attention",
  bindings: { qkv: "read", start: "read:u32", out: "write", lse: "write" },
  dims: attentionDims,
  cost: (dims) => ({
    flops: attentionPairs(dims) * (4 * dims.HS + 4),
    bytes: 4 * dims.B * dims.T * (attentionLayout(dims).stride + dims.NH * dims.HS + dims.NH),
  }),
  variants: attentionVariants(modules, ({ NH }) => NH, { vec4: qkvF32 + outF32, head: qkvF32 + outF32, lib: "" }),
  wasm: "attention",
  meaning({ qkv, start, out, lse }, dims) {
    const { B, T, NH, HS } = dims;
    const { stride, keys, values, group, scale } = attentionLayout(dims);
    const scratch = attentionScratch(T + HS); // scores [0, T), the weighted sum of values [T, T + HS)
    for (let n = 0; n < B * T; n++) {
      const b = Math.floor(n / T);
      const t = n - b * T;
      const first = start[n]!;
      for (let h = 0; h < NH; h++) {
        const kvHead = Math.floor(h / group) * HS;
        const q = n * stride + h * HS;
        let max = -Infinity;
        for (let s = first; s <= t; s++) {
          const k = (b * T + s) * stride + keys + kvHead;
          let dot = 0;
          for (let i = 0; i < HS; i++) dot += qkv[q + i]! * qkv[k + i]!;
          scratch[s] = dot * scale;
          if (scratch[s]! > max) max = scratch[s]!;
        }
        let sum = 0;
        for (let s = first; s <= t; s++) {
          scratch[s] = Math.exp(scratch[s]! - max);
          sum += scratch[s]!;
        }
        const to = (n * NH + h) * HS;
        scratch.fill(0, T, T + HS);
        for (let s = first; s <= t; s++) {
          const v = (b * T + s) * stride + values + kvHead;
          const p = scratch[s]!;
          for (let i = 0; i < HS; i++) scratch[T + i] = scratch[T + i]! + p * qkv[v + i]!;
        }
        for (let i = 0; i < HS; i++) out[to + i] = scratch[T + i]! / sum;
        lse[n * NH + h] = max + Math.log(sum);
      }
    }
  },
});

/** Elements of qkv, and of what attention gives. */
export const qkvElements = (dims: AttentionDims): number => dims.B * dims.T * attentionLayout(dims).stride;
export const attendedElements = ({ B, T, NH, HS }: AttentionDims): number => B * T * NH * HS;

/** The same, qkv and out stored as packed halves; the log-sum-exp stays f32. */
export const attentionHalf = storedHalf(attention, {
  packed: { qkv: qkvElements, out: attendedElements },
  variants: (lib) => attentionVariants(modules, ({ NH }) => NH, { vec4: qkvHalfVec4 + outHalfVec4, head: qkvHalfHead + outHalfHead, lib }),
});
