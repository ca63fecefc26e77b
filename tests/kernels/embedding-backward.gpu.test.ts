import { afterAll, describe, expect, it } from "vitest";
import { embeddingBackward } from "../../src/kernels/embedding-backward.ts";
import { checkKernel, fittingVariants, integers, printFigures, runKernel, sumBound, values, type JudgeRun, type ValueClass } from "../support/kernel-harness.ts";
import { CLASSES, ROW_SHAPES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

function bound({ dims, inputs, outputs }: JudgeRun, valueClass: ValueClass): { dtable: Float64Array } {
  const { N, C } = dims as { N: number; C: number };
  const { ids, dout, dtable } = inputs as Record<string, Float64Array>;
  const sizes = dtable!.map(Math.abs);
  const terms = new Float64Array(sizes.length).fill(1);
  for (let n = 0; n < N; n++) {
    for (let c = 0; c < C; c++) {
      sizes[ids![n]! * C + c]! += Math.abs(dout![n * C + c]!);
      terms[ids![n]! * C + c]! += 1;
    }
  }
  return { dtable: sizes.map((size, i) => sumBound(terms[i]!, size, outputs["dtable"]![i]!, valueClass)) };
}

describe("embeddingBackward", () => {
  it.each(CLASSES)("adds each row's gradients within promise 1's bound on every shape, values %s", async (valueClass) => {
    for (const [N, C] of ROW_SHAPES) {
      const V = 1 + (N >> 1); // so that ids repeat, and some rows get nothing
      const reports = await checkKernel(embeddingBackward, {
        dims: { N, C, V },
        inputs: { ids: integers(N, V, 1), dout: values(valueClass, N * C, 2), dtable: values(valueClass, V * C, 3) },
        outputs: {},
        bound: (run) => bound(run, valueClass),
      });
      expect(reports).toHaveLength(C % 4 === 0 ? 3 : 2);
    }
  }, TIMEOUT_MS);

  it("gathers a token that fills the batch, and leaves the bits of rows that nobody used", async () => {
    const [N, C, V] = [300, 68, 40];
    const ids = new Uint32Array(N).fill(7);
    const [dout, dtable] = [values("normal", N * C, 2), values("normal", V * C, 3)];
    await checkKernel(embeddingBackward, { dims: { N, C, V }, inputs: { ids, dout, dtable }, outputs: {}, bound: (run) => bound(run, "normal") });
    for (const variant of fittingVariants(embeddingBackward, { N, C, V })) {
      const after = await runKernel(embeddingBackward, { dims: { N, C, V }, inputs: { ids, dout, dtable }, outputs: {} }, variant);
      const before = new Uint32Array(dtable.buffer);
      const changed = [...after["dtable"]!].flatMap((word, i) => (word === before[i] ? [] : [Math.floor(i / C)]));
      expect([...new Set(changed)]).toEqual([7]);
    }
  }, TIMEOUT_MS);

  it("gives the same bits from every variant, since the order of the sum is fixed", async () => {
    const [N, C, V] = [129, 36, 9];
    const inputs = { ids: integers(N, V, 1), dout: values("normal", N * C, 2), dtable: values("normal", V * C, 3) };
    const run = (variant: number) => runKernel(embeddingBackward, { dims: { N, C, V }, inputs, outputs: {} }, variant);
    const first = (await run(0))["dtable"];
    for (const variant of [1, 2]) expect((await run(variant))["dtable"]).toEqual(first);
  }, TIMEOUT_MS);
});
