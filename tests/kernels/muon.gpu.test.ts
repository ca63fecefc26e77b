/** The four kernels that Muon has beside the products: within their bounds at awkward shapes, silent when latched. */
import { afterAll, describe, expect, it } from "vitest";
import { muonMomentum } from "../../src/kernels/muon-momentum.ts";
import { muonNormalise } from "../../src/kernels/muon-normalise.ts";
import { muonQuintic } from "../../src/kernels/muon-quintic.ts";
import { muonUpdate } from "../../src/kernels/muon-update.ts";
import { checkKernel, printFigures, runKernel, U, ulp, values } from "../support/kernel-harness.ts";
import { CLASSES, TIMEOUT_MS } from "../support/row-cases.ts";

afterAll(printFigures);

/** rows, columns, stride, from: whole matrices, and the first, middle and last of three side by side. */
const PLACES = [[1, 1, 1, 0], [5, 7, 7, 0], [64, 33, 33, 0], [3, 5, 15, 0], [32, 32, 96, 32], [9, 4, 12, 8]] as const;
const SMALLEST = 2 ** -126;
const stepF = Float32Array.of(2e-2, 1, 1, 1);
const scalars = Float32Array.of(2, 0.5, 0.1, 0.1);
const countsOf = (latched: number): Uint32Array => Uint32Array.of(3, latched, 0, 3);

describe.each(PLACES)("of %i x %i, in rows of %i from %i on,", (rows, columns, stride, from) => {
  const place = { rows, columns, stride, first: from };
  const inside = (i: number): boolean => i % stride >= from && i % stride < from + columns;
  const at = (i: number): number => Math.floor(i / columns) * stride + from + (i % columns);

  it.each(CLASSES.flatMap((valueClass) => [0, 1].map((nesterov) => [valueClass, nesterov] as const)))("muonMomentum averages its columns and leaves the others, gradients %s, nesterov %i", async (valueClass, nesterov) => {
    const dims = { ...place, momentum: 0.95, oneMinusMomentum: 1 - 0.95, nesterov };
    await checkKernel(muonMomentum, {
      dims, inputs: { grad: values(valueClass, rows * stride, 1), m: values(valueClass, rows * stride, 2), counts: countsOf(0), scalars }, outputs: { out: rows * columns },
      bound: ({ inputs }) => {
        const terms = (i: number): number => 0.95 * Math.abs(inputs["m"]![i]!) + 0.05 * 0.5 * Math.abs(inputs["grad"]![i]!);
        return { m: (i) => (inside(i) ? 4 * U * terms(i) + SMALLEST : 0), out: (i) => 10 * U * (terms(at(i)) + 0.025 * Math.abs(inputs["grad"]![at(i)]!)) + SMALLEST };
      },
    });
  }, TIMEOUT_MS);

  it("muonUpdate moves its columns and leaves the others", async () => {
    await checkKernel(muonUpdate, {
      dims: { ...place, scale: Math.SQRT2, weightDecay: 0.1 }, inputs: { param: values("normal", rows * stride, 1), x: values("normal", rows * columns, 2), stepF, counts: countsOf(0) }, outputs: {},
      bound: ({ inputs }) => ({
        param: (i) => (inside(i) ? 8 * U * 0.02 * (0.1 * Math.abs(inputs["param"]![i]!) + 2 * Math.abs(inputs["x"]![Math.floor(i / stride) * columns + (i % stride) - from]!)) + 2 * ulp(inputs["param"]![i]!) : 0),
      }),
    });
  }, TIMEOUT_MS);

  it("neither writes a bit of what a checkpoint keeps when latched", async () => {
    const bad = new Float32Array(rows * stride).fill(NaN);
    const m = values("normal", rows * stride, 2);
    const kept = await runKernel(muonMomentum, { dims: { ...place, momentum: 0.95, oneMinusMomentum: 0.05, nesterov: 1 }, inputs: { grad: bad, m, counts: countsOf(1), scalars }, outputs: { out: rows * columns } });
    expect(kept["m"]).toEqual(new Uint32Array(m.buffer));
    const still = await runKernel(muonUpdate, { dims: { ...place, scale: 1, weightDecay: 0.1 }, inputs: { param: m, x: new Float32Array(rows * columns).fill(NaN), stepF, counts: countsOf(1) }, outputs: {} });
    expect(still["param"]).toEqual(new Uint32Array(m.buffer));
  }, TIMEOUT_MS);
});

describe("muonNormalise", () => {
  it.each([1, 35, 64, 1000, 4097])("divides %i numbers by the root of all partial sums", async (size) => {
    for (const partials of [1, 64, 100]) {
      await checkKernel(muonNormalise, {
        dims: { size, partials, eps: 1e-7 }, inputs: { x: values("normal", size, 1), partial: values("normal", partials, 2).map((x) => x * x) }, outputs: {},
        // The sum's terms have one sign; its relative error halves under the root. Division and root at WGSL's 2.5 ulp each.
        bound: ({ outputs }) => ({ x: (i) => (0.5 * (partials + 1) * U + 12 * U) * Math.abs(outputs["x"]![i]!) + SMALLEST }),
      });
    }
  }, TIMEOUT_MS);

  it("leaves a matrix of zeros as it is", async () => {
    const after = await runKernel(muonNormalise, { dims: { size: 70, partials: 64, eps: 1e-7 }, inputs: { x: new Float32Array(70), partial: new Float32Array(64) }, outputs: {} });
    expect(after["x"]).toEqual(new Uint32Array(70));
  });
});

describe("muonQuintic", () => {
  it.each([1, 3, 16, 65])("is a I + b gram + c square at N = %i", async (N) => {
    await checkKernel(muonQuintic, {
      dims: { N, a: 3.4445, b: -4.775, c: 2.0315 }, inputs: { gram: values("normal", N * N, 1), square: values("normal", N * N, 2) }, outputs: {},
      bound: ({ inputs }) => ({ square: (i) => 4 * U * (3.4445 + 4.775 * Math.abs(inputs["gram"]![i]!) + 2.0315 * Math.abs(inputs["square"]![i]!)) }),
    });
  }, TIMEOUT_MS);
});
