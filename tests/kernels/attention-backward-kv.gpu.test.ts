import { afterAll, describe, expect, it } from "vitest";
import { attentionBackwardKV } from "../../src/kernels/attention-backward-kv.ts";
import { attentionBackwardQ } from "../../src/kernels/attention-backward-q.ts";
import { ATTENTION_SHAPES, attentionBounds, attentionDimsOf, qkvOf, startsOf } from "../support/attention-bounds.ts";
import { judgeAttention } from "../support/judge-ops.ts";
import { checkKernel, printFigures, runKernel, values } from "../support/kernel-harness.ts";
import { CLASSES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

/** What the forward and the q kernel leave, rounded to f32. */
function saved(qkv: Float32Array, start: Uint32Array, dout: Float32Array, dims: Parameters<typeof judgeAttention>[2]): { lse: Float32Array; delta: Float32Array } {
  const wide = Float64Array.from(qkv);
  const { out, lse } = judgeAttention(wide, start, dims);
  const delta = new Float64Array(lse.length);
  attentionBackwardQ.meaning({ qkv: wide, start, out, dout: Float64Array.from(dout), lse, delta, dqkv: new Float64Array(qkv.length) }, dims);
  return { lse: Float32Array.from(lse), delta: Float32Array.from(delta) };
}

describe("attentionBackwardKV", () => {
  it.each(CLASSES)("writes dk and dv within their propagated bounds and leaves dq alone, on every shape, values %s", async (valueClass) => {
    for (const [i, shape] of ATTENTION_SHAPES.entries()) {
      const dims = attentionDimsOf(shape);
      const qkv = qkvOf(dims, valueClass, true);
      const start = startsOf(dims, i % 2 ? "several" : "one");
      const dout = values(valueClass, dims.B * dims.T * dims.NH * dims.HS, 2);
      const reports = await checkKernel(attentionBackwardKV, {
        dims,
        inputs: { qkv, start, dout, ...saved(qkv, start, dout, dims), dqkv: values("normal", qkv.length, 3) },
        outputs: {},
        bound: (run) => attentionBounds(run, valueClass),
      });
      expect(reports).toHaveLength(attentionBackwardKV.variants.filter(({ fits }) => fits?.(dims) ?? true).length);
    }
  }, TIMEOUT_MS);

  it("does not read what dqkv held: NaN there leaves no trace in dk and dv", async () => {
    const dims = attentionDimsOf([1, 33, 2, 1, 8]);
    const [qkv, dout, start] = [values("normal", 33 * 32, 1), values("normal", 33 * 16, 2), new Uint32Array(33)];
    const inputs = { qkv, start, dout, ...saved(qkv, start, dout, dims) };
    for (const variant of [...attentionBackwardKV.variants.keys()].filter((v) => attentionBackwardKV.variants[v]!.fits?.(dims) ?? true)) {
      const { dqkv } = await runKernel(attentionBackwardKV, { dims, inputs, outputs: { dqkv: qkv.length } }, variant);
      const after = new Float32Array(dqkv!.buffer);
      expect(after.some((x, i) => i % 32 >= 16 && Number.isNaN(x))).toBe(false);
      expect(after.every((x, i) => i % 32 >= 16 || Number.isNaN(x))).toBe(true);
    }
  }, TIMEOUT_MS);
});
