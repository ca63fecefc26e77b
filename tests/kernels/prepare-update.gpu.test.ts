import { afterAll, describe, expect, it } from "vitest";
import { logBetaOf, prepareUpdate } from "../../src/kernels/prepare-update.ts";
import { COUNTS, SCALARS } from "../../src/kernels/step-block.ts";
import { checkKernel, printFigures, runKernel, U, ulp, values, type JudgeRun } from "../support/kernel-harness.ts";
import { SIZES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

const stepU = Uint32Array.of(1, 2, 3, 41);
const stepF = (gradClip: number): Float32Array => Float32Array.of(1e-3, gradClip, 1, 1);
const dimsOf = (partials: number, beta1 = 0.9, beta2 = 0.999) => ({ partials, logBeta1: logBetaOf(beta1), logBeta2: logBetaOf(beta2) });

/** The sum is one-signed; sqrt halves its error and adds its own; the clip scale carries both. */
function bounds({ inputs, outputs }: JudgeRun): { counts: "exact"; scalars: (i: number) => number } {
  const scalars = outputs["scalars"]!;
  const relative = ((inputs["partial"]!.length + 1) / 2 + 8) * U;
  return { counts: "exact", scalars: (i) => (i < 2 ? relative * Math.abs(scalars[i]!) + 2 * ulp(scalars[i]!) : 1e-6 * scalars[i]!) };
}

describe("prepareUpdate", () => {
  // The last pair has a norm so small that the 1e-6 which PyTorch adds to it shows.
  it("takes a step at every number of partials, clipped and not", async () => {
    for (const partials of SIZES) {
      for (const [gradClip, size] of [[1, 1], [1, 1e-6], [0, 1], [0.5, 1e4], [1e-6, 1e-11]] as const) {
        const partial = values("one-signed", partials, partials).map((x) => x * size);
        const reports = await checkKernel(prepareUpdate, {
          dims: dimsOf(partials),
          inputs: { partial, stepF: stepF(gradClip), stepU, counts: Uint32Array.of(17, 0, 0, 5) },
          outputs: { scalars: 4 },
          bound: (run) => {
            expect(Array.from(run.outputs["counts"]!)).toEqual([18, 0, 0, 6]);
            return bounds(run);
          },
        });
        expect(reports[0]!.compared).toBe(8);
      }
    }
  }, TIMEOUT_MS);

  it.each([0, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 1 - 1e-6])("corrects for beta %f to a millionth part, from the first step to the millionth", async (beta) => {
    for (const t of [1, 2, 3, 5, 10, 100, 693, 694, 1000, 10_000, 1_000_000]) {
      const after = await runKernel(prepareUpdate, {
        dims: dimsOf(1, beta, beta),
        inputs: { partial: Float32Array.of(1), stepF: stepF(1), stepU, counts: Uint32Array.of(t - 1, 0, 0, 0) },
        outputs: { scalars: 4 },
      });
      const want = -Math.expm1(t * Math.log(beta));
      const scalars = new Float32Array(after["scalars"]!.buffer);
      expect(Math.abs(scalars[SCALARS.correction1]! / want - 1), `t = ${t}`).toBeLessThan(1e-6);
      expect(scalars[SCALARS.correction2]).toBe(scalars[SCALARS.correction1]);
    }
  });

  it.each([
    ["NaN", [1, NaN, 1]],
    ["Infinity", [1, 1, Infinity]],
    ["a sum beyond f32", [3e38, 3e38, 1]],
  ])("latches on %s, names the step, and takes none", async (_, partials) => {
    const partial = Float32Array.from(partials as number[]);
    const run = (counts: Uint32Array) => runKernel(prepareUpdate, { dims: dimsOf(3), inputs: { partial, stepF: stepF(1), stepU, counts }, outputs: { scalars: 4 } });
    const first = await run(Uint32Array.of(17, 0, 0, 5));
    expect(Array.from(first["counts"]!)).toEqual([17, 1, 41, 0]);
    expect(Number.isFinite(new Float32Array(first["scalars"]!.buffer)[SCALARS.gradNorm])).toBe(false);
    expect(new Float32Array(first["scalars"]!.buffer)[SCALARS.clipScale]).toBe(0);
    // The judge of the same, in f64, where the sum would not overflow.
    const judged = { counts: Uint32Array.of(17, 0, 0, 5), scalars: new Float64Array(4) };
    prepareUpdate.meaning({ partial: Float64Array.from(partial), stepF: Float64Array.from(stepF(1)), stepU, ...judged }, dimsOf(3));
    expect(Array.from(judged.counts)).toEqual([17, 1, 41, 0]);
  });

  it("stays latched on good gradients, and keeps the step that latched first", async () => {
    const inputs = { partial: Float32Array.of(1, 2, 3), stepF: stepF(1), stepU, counts: Uint32Array.of(17, 1, 29, 0) };
    const reports = await checkKernel(prepareUpdate, { dims: dimsOf(3), inputs, outputs: { scalars: 4 }, bound: bounds });
    expect(reports[0]!.worst).toBeLessThanOrEqual(1);
    const after = await runKernel(prepareUpdate, { dims: dimsOf(3), inputs, outputs: { scalars: 4 } });
    expect(Array.from(after["counts"]!)).toEqual([17, 1, 29, 0]);
    expect(after["counts"]![COUNTS.latchedStep]).toBe(29);
  });
});
