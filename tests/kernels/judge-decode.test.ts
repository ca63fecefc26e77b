/** The KV cache's formulas against the full attention's: prefill and token-by-token decoding give what one pass gives. */
import { describe, expect, it } from "vitest";
import { decodeAttention } from "../../src/kernels/decode-attention.ts";
import { gatherRows } from "../../src/kernels/gather-rows.ts";
import { kvStore } from "../../src/kernels/kv-store.ts";
import { worstError } from "../support/fixture-tensors.ts";
import { normals } from "../support/gradcheck.ts";
import { judgeAttention } from "../support/judge-ops.ts";

const TOLERANCE = 1e-12;

describe.each([
  { B: 1, T: 1, NH: 1, NKV: 1, HS: 4 },
  { B: 2, T: 9, NH: 4, NKV: 4, HS: 6 },
  { B: 3, T: 12, NH: 6, NKV: 2, HS: 5 },
])("decoding $B rows of $T tokens, $NH heads on $NKV", ({ B, T, NH, NKV, HS }) => {
  const width = (NH + 2 * NKV) * HS;
  const dims = { R: B, T, NH, NKV, HS };
  const qkv = normals(B * T * width, 1);
  const full = judgeAttention(qkv, new Uint32Array(B * T), { B, T, NH, NKV, HS }).out;

  /** Rows at one position of each sequence. */
  function at(values: Float64Array, columns: number, t: number): Float64Array {
    const out = new Float64Array(B * columns);
    gatherRows.meaning({ inp: values, index: Uint32Array.from({ length: B }, (_, r) => r * T + t), out }, { R: B, C: columns });
    return out;
  }

  function decode(cache: Float64Array, t: number): Float64Array {
    const out = new Float64Array(B * NH * HS).fill(NaN);
    decodeAttention.meaning({ qkv: at(qkv, width, t), cache, pos: new Uint32Array(B).fill(t), out }, dims);
    return out;
  }

  it("one token after another from an empty cache equals the full pass", () => {
    const cache = new Float64Array(B * 2 * T * NKV * HS).fill(NaN);
    for (let t = 0; t < T; t++) expect(worstError(decode(cache, t), at(full, NH * HS, t)), `token ${t}`).toBeLessThan(TOLERANCE);
    const prefilled = new Float64Array(cache.length).fill(NaN);
    kvStore.meaning({ qkv, cache: prefilled }, dims);
    expect(cache).toEqual(prefilled);
  });

  it("after a prefill the last token equals the full pass, whatever stood behind the prompt", () => {
    const cache = new Float64Array(B * 2 * T * NKV * HS).fill(NaN);
    kvStore.meaning({ qkv, cache }, dims);
    const t = Math.floor((T - 1) / 2);
    expect(worstError(decode(cache, t), at(full, NH * HS, t))).toBeLessThan(TOLERANCE);
  });
});
