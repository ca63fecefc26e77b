/**
 * Rotary position embedding (Su et al., arXiv 2104.09864) in transformers' form, rotate-half: channel i of a head is paired with
 * i + HS/2. It also packs q, k and v side by side, as attention takes them. The angles are a table, since WGSL promises sin and
 * cos to three digits only.
 */
import { defineKernel, type DimValues } from "../device/types.ts";
import { groupsOf } from "./elementwise.ts";
import { storedHalf } from "./stored-half.ts";
import ropeWgsl from "../../shaders/rope.wgsl?raw";
import elementF32 from "../../shaders/lib/element-f32.wgsl?raw";
import elementVec4 from "../../shaders/lib/element-vec4.wgsl?raw";
import linearId from "../../shaders/lib/linear-id.wgsl?raw";
import turnedHalf from "../../shaders/lib/turned-half-vec4.wgsl?raw";
import turnedF32 from "../../shaders/lib/turned-f32.wgsl?raw";

export const ropeDims = { N: "u32", NH: "u32", NKV: "u32", HS: "u32" } as const;
type RopeDims = DimValues<typeof ropeDims>;

/** (T, HS): for each position HS/2 cosines, then HS/2 sines, of position theta^(-2i/HS). Computed in f64. */
export function ropeTable(T: number, HS: number, theta: number): Float32Array {
  const table = new Float32Array(T * HS);
  for (let t = 0; t < T; t++) {
    for (let i = 0; i < HS / 2; i++) {
      const angle = t * theta ** ((-2 * i) / HS);
      table[t * HS + i] = Math.cos(angle);
      table[t * HS + HS / 2 + i] = Math.sin(angle);
    }
  }
  return table;
}

/** A thread a pair, or four neighbouring pairs where half a head is a multiple of four. @param snippet for both */
export const ropeVariants = (wgsl: string, snippet = "") =>
  [
    {
      name: "scalar",
      wgsl: elementF32 + snippet + linearId + wgsl,
      workgroups: ({ N, NH, NKV, HS }: RopeDims) => groupsOf((N * (NH + 2 * NKV) * HS) / 2),
    },
    {
      name: "vec4",
      wgsl: elementVec4 + snippet + linearId + wgsl,
      workgroups: ({ N, NH, NKV, HS }: RopeDims) => groupsOf((N * (NH + 2 * NKV) * HS) / 8),
      fits: ({ HS }: RopeDims) => HS % 8 === 0,
    },
  ] as const;

/** Visits each head of q, k and v: where it lies in its own array and in qkv, and which array it is. */
export function eachHead({ N, NH, NKV, HS }: RopeDims, visit: (part: "q" | "k" | "v", apart: number, packed: number, n: number) => void): void {
  const heads = NH + 2 * NKV;
  for (let n = 0; n < N; n++) {
    for (let h = 0; h < heads; h++) {
      const packed = (n * heads + h) * HS;
      if (h < NH) visit("q", (n * NH + h) * HS, packed, n);
      else if (h < NH + NKV) visit("k", (n * NKV + h - NH) * HS, packed, n);
      else visit("v", (n * NKV + h - NH - NKV) * HS, packed, n);
    }
  }
}

/**
 * A row of qkv = q and k turned by their position's angles, then v: (x1, x2) becomes (x1 cos - x2 sin, x2 cos + x1 sin). HS is even.
 * q (N, NH HS), k, v (N, NKV HS), pos (N), each below T, turns (T, HS) as `ropeTable` gives it, qkv (N, (NH + 2 NKV) HS).
 */
export const rope = defineKernel({
  name: "rope",
  bindings: { q: "read", k: "read", v: "read", pos: "read:u32", turns: "read", qkv: "write" },
  dims: ropeDims,
  cost: ({ N, NH, NKV, HS }) => ({ flops: 3 * N * (NH + NKV) * HS, bytes: 4 * N * (2 * (NH + 2 * NKV) * HS + HS + 1) }),
  variants: ropeVariants(ropeWgsl, turnedF32),
  wasm: "rope",
  meaning({ q, k, v, pos, turns, qkv }, dims) {
    const { HS } = dims;
    const half = HS / 2;
    eachHead(dims, (part, from, to, n) => {
      const inp = part === "q" ? q : part === "k" ? k : v;
      const turn = pos[n]! * HS;
      for (let i = 0; i < half; i++) {
        const [x1, x2] = [inp[from + i]!, inp[from + half + i]!];
        const [cos, sin] = part === "v" ? [1, 0] : [turns[turn + i]!, turns[turn + half + i]!];
        qkv[to + i] = x1 * cos - x2 * sin;
        qkv[to + half + i] = x2 * cos + x1 * sin;
      }
    });
  },
});

/** The same, `qkv` stored as packed halves; HS a multiple of eight. */
export const ropeHalf = storedHalf(rope, {
  packed: { qkv: ({ N, NH, NKV, HS }) => N * (NH + 2 * NKV) * HS },
  variants: (lib) => [ropeVariants(ropeWgsl, lib + turnedHalf)[1]],
});
