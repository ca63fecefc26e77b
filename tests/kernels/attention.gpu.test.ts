import { afterAll, describe, expect, it } from "vitest";
import { attention } from "../../src/kernels/attention.ts";
import { ATTENTION_SHAPES, attentionBounds, attentionDimsOf, qkvOf, startsOf } from "../support/attention-bounds.ts";
import { checkKernel, printFigures, runKernel, values } from "../support/kernel-harness.ts";
import { CLASSES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

describe("attention", () => {
  it.each(CLASSES)("is within its propagated bound on every shape, one document a row and several, values %s", async (valueClass) => {
    for (const [i, shape] of ATTENTION_SHAPES.entries()) {
      const dims = attentionDimsOf(shape);
      const N = dims.B * dims.T;
      const reports = await checkKernel(attention, {
        dims,
        inputs: { qkv: qkvOf(dims, valueClass), start: startsOf(dims, i % 2 ? "several" : "one") },
        outputs: { out: N * dims.NH * dims.HS, lse: N * dims.NH },
        bound: (run) => attentionBounds(run, valueClass),
      });
      expect(reports).toHaveLength(attention.variants.filter(({ fits }) => fits?.(dims) ?? true).length);
    }
  }, TIMEOUT_MS);

  it("lets no token see a later one or another document: changing them changes no bit", async () => {
    const dims = attentionDimsOf([1, 70, 2, 1, 8]);
    const start = new Uint32Array(70).fill(20, 20);
    const qkv = values("normal", 70 * 32, 1);
    const outputs = { out: 70 * 16, lse: 70 * 2 };
    const other = qkv.slice();
    other.fill(1e4, 0, 20 * 32).fill(-1e4, 45 * 32);
    for (const variant of [...attention.variants.keys()].filter((v) => attention.variants[v]!.fits?.(dims) ?? true)) {
      const a = await runKernel(attention, { dims, inputs: { qkv, start }, outputs }, variant);
      const b = await runKernel(attention, { dims, inputs: { qkv: other, start }, outputs }, variant);
      expect(b["out"]!.slice(20 * 16, 45 * 16)).toEqual(a["out"]!.slice(20 * 16, 45 * 16));
      expect(b["out"]!.slice(45 * 16)).not.toEqual(a["out"]!.slice(45 * 16));
    }
  }, TIMEOUT_MS);
});
