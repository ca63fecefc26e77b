import { afterAll, describe, expect, it } from "vitest";
import { attentionBackwardQ } from "../../src/kernels/attention-backward-q.ts";
import { ATTENTION_SHAPES, attentionBounds, attentionDimsOf, qkvOf, startsOf } from "../support/attention-bounds.ts";
import { judgeAttention } from "../support/judge-ops.ts";
import { checkKernel, printFigures, values } from "../support/kernel-harness.ts";
import { CLASSES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

describe("attentionBackwardQ", () => {
  it.each(CLASSES)("writes delta and dq within their propagated bounds and leaves dk and dv alone, on every shape, values %s", async (valueClass) => {
    for (const [i, shape] of ATTENTION_SHAPES.entries()) {
      const dims = attentionDimsOf(shape);
      const N = dims.B * dims.T;
      const qkv = qkvOf(dims, valueClass, true);
      const start = startsOf(dims, i % 2 ? "several" : "one");
      const { out, lse } = judgeAttention(Float64Array.from(qkv), start, dims);
      const reports = await checkKernel(attentionBackwardQ, {
        dims,
        inputs: {
          qkv,
          start,
          out: Float32Array.from(out),
          dout: values(valueClass, N * dims.NH * dims.HS, 2),
          lse: Float32Array.from(lse),
          dqkv: values("normal", qkv.length, 3), // the bound of its k and v parts is 0: they must come back as they were
        },
        outputs: { delta: N * dims.NH },
        bound: (run) => attentionBounds(run, valueClass),
      });
      expect(reports).toHaveLength(attentionBackwardQ.variants.filter(({ fits }) => fits?.(dims) ?? true).length);
    }
  }, TIMEOUT_MS);
});
