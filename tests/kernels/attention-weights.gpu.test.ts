import { afterAll, describe, expect, it } from "vitest";
import { attentionWeights } from "../../src/kernels/attention-weights.ts";
import { ATTENTION_SHAPES, attentionDimsOf, qkvOf, startsOf } from "../support/attention-bounds.ts";
import { checkKernel, isZeroMean, printFigures, runKernel, testDevice, U, type JudgeRun, type ValueClass } from "../support/kernel-harness.ts";
import { CLASSES, expError, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

/** A score carries its dot product's roundings, an exponential its own, and all of a row share the error of their sum. */
function weightsBound(run: JudgeRun, valueClass: ValueClass): (index: number) => number {
  const { T, NH, NKV, HS } = run.dims as { T: number; NH: number; NKV: number; HS: number };
  const qkv = run.inputs["qkv"]!;
  const [out, start] = [run.outputs["out"]!, run.inputs["start"]!];
  const stride = (NH + 2 * NKV) * HS;
  const growth = (isZeroMean(valueClass) ? 2 * Math.sqrt(HS) : HS + 1) * U;
  const rows = new Map<number, { errors: number[]; sum: number }>();
  const rowOf = (row: number): { errors: number[]; sum: number } => {
    const known = rows.get(row);
    if (known) return known;
    const [h, t] = [Math.floor(row / T), row % T];
    const key = (NH + Math.floor((h * NKV) / NH)) * HS;
    const scores: number[] = [];
    const roundings: number[] = [];
    for (let s = start[t]!; s <= t; s++) {
      const terms = Array.from({ length: HS }, (_, d) => (qkv[t * stride + h * HS + d]! * qkv[s * stride + key + d]!) / Math.sqrt(HS));
      scores.push(terms.reduce((a, b) => a + b, 0));
      roundings.push((growth + 5 * U) * terms.reduce((a, b) => a + Math.abs(b), 0));
    }
    const max = Math.max(...scores);
    const ofMax = Math.max(...roundings);
    const errors = scores.map((score, i) => Math.expm1(Math.min(roundings[i]! + ofMax + U * (Math.abs(score) + Math.abs(max)) + expError(score - max), 80)));
    const sum = errors.reduce((total, error, i) => total + error * out[row * T + start[t]! + i]!, (scores.length + 1) * U);
    rows.set(row, { errors, sum });
    return rows.get(row)!;
  };
  return (index) => {
    const row = Math.floor(index / T);
    const error = rowOf(row).errors[(index % T) - start[row % T]!];
    // Above the diagonal and before the document there is nothing to round.
    return error === undefined ? 0 : Math.min(out[index]! * (error + rowOf(row).sum + 6 * U) + 2 ** -126, 1);
  };
}

describe("attentionWeights", () => {
  it.each(CLASSES)("stays within its propagated bound, and is exactly 0 for keys that a query does not see, values %s", async (valueClass) => {
    for (const shape of ATTENTION_SHAPES.filter(([, T]) => T <= 129)) {
      const dims = { ...attentionDimsOf(shape), B: 1 };
      const { T, NH, NKV, HS } = dims;
      for (const documents of ["one", "several"] as const) {
        const reports = await checkKernel(attentionWeights, {
          dims: { T, NH, NKV, HS },
          inputs: { qkv: qkvOf(dims, valueClass, true), start: startsOf(dims, documents) },
          outputs: { out: NH * T * T },
          bound: (run) => ({ out: weightsBound(run, valueClass) }),
          samples: 512,
        });
        expect(reports).toHaveLength(1);
      }
    }
  }, TIMEOUT_MS);

  it("gives rows that sum to 1, also where every score is 1e9 and more", async () => {
    const dims = { B: 1, T: 33, NH: 4, NKV: 2, HS: 16 };
    const { T, NH, NKV, HS } = dims;
    const after = await runKernel(attentionWeights, { dims: { T, NH, NKV, HS }, inputs: { qkv: qkvOf(dims, "large"), start: startsOf(dims, "several") }, outputs: { out: NH * T * T } });
    const out = new Float32Array(after["out"]!.buffer);
    for (let row = 0; row < NH * T; row++) expect(out.subarray(row * T, (row + 1) * T).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
  });

  it("gives the same bits twice, and without the adapter's bounds checks", async () => {
    const unchecked = await testDevice({ toggles: ["disable_robustness"] });
    for (const shape of [[1, 1, 1, 1, 3], [1, 33, 6, 2, 8], [1, 65, 2, 1, 12]] as const) {
      const dims = attentionDimsOf(shape);
      const { T, NH, NKV, HS } = dims;
      const given = { dims: { T, NH, NKV, HS }, inputs: { qkv: qkvOf(dims, "normal"), start: startsOf(dims, "several") }, outputs: { out: NH * T * T } };
      const once = await runKernel(attentionWeights, given);
      expect(await runKernel(attentionWeights, given)).toEqual(once);
      expect(await runKernel(attentionWeights, { ...given, device: unchecked })).toEqual(once);
    }
  }, TIMEOUT_MS);

  it("and its judge give what the formula gives for a case worked by hand", async () => {
    // Two tokens, one head of size 1: q = 1, 2; k = 0, ln 3 / 2. Row 1: scores 0 and ln 3, so 1/4 and 3/4.
    const inputs = { qkv: Float32Array.of(1, 0, 5, 2, Math.log(3) / 2, 7), start: Uint32Array.of(0, 0) };
    const after = await runKernel(attentionWeights, { dims: { T: 2, NH: 1, NKV: 1, HS: 1 }, inputs, outputs: { out: 4 } });
    const out = new Float32Array(after["out"]!.buffer);
    [1, 0, 0.25, 0.75].forEach((want, i) => expect(out[i]).toBeCloseTo(want, 6));
    const judged = new Float64Array(4).fill(Number.NaN);
    attentionWeights.meaning({ qkv: Float64Array.from(inputs.qkv), start: inputs.start, out: judged }, { T: 2, NH: 1, NKV: 1, HS: 1 });
    [1, 0, 0.25, 0.75].forEach((want, i) => expect(judged[i]).toBeCloseTo(want, 6));
  });
});
