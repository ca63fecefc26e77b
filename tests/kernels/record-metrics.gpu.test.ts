import { afterAll, describe, expect, it } from "vitest";
import { recordMetrics } from "../../src/kernels/record-metrics.ts";
import { METRIC, METRIC_COLUMNS } from "../../src/kernels/step-block.ts";
import { checkKernel, printFigures, runKernel, ulps, values } from "../support/kernel-harness.ts";

afterAll(printFigures);

const inputs = {
  lossSum: Float32Array.of(123.5, 48),
  scalars: Float32Array.of(2.25, 0.4, 0.1, 0.001),
  counts: Uint32Array.of(41, 0, 0, 41),
  stepF: Float32Array.of(3e-4, 1, 1 / 48, 1),
};

describe("recordMetrics", () => {
  it("writes one row of the ring and leaves every other", async () => {
    for (const rows of [1, 2, 3, 16, 64]) {
      for (const metricRow of [0, 1, rows - 1, rows, 3 * rows + 1, 4_000_000_001]) {
        const ring = values("normal", rows * METRIC_COLUMNS, rows);
        const at = (metricRow % rows) * METRIC_COLUMNS;
        const reports = await checkKernel(recordMetrics, {
          dims: { rows },
          inputs: { ...inputs, stepU: Uint32Array.of(7, 8, metricRow, 1234), ring },
          outputs: {},
          bound: ({ outputs }) => {
            expect(Array.from(outputs["ring"]!.subarray(at, at + METRIC_COLUMNS)).map(Math.fround)).toEqual(
              [123.5 / 48, 2.25, 0.4, 3e-4, 0, 41, 48, 1234].map(Math.fround),
            );
            return { ring: (i) => (i === at + METRIC.loss ? (ulps(outputs["ring"]!, 4) as (index: number) => number)(i) : 0) };
          },
        });
        expect(reports[0]!.compared).toBe(rows * METRIC_COLUMNS);
      }
    }
  });

  it("says when a step was latched, and lets the loss that did it through", async () => {
    const after = await runKernel(recordMetrics, {
      dims: { rows: 1 },
      inputs: { ...inputs, lossSum: Float32Array.of(NaN, 48), counts: Uint32Array.of(40, 1, 41, 0), stepU: Uint32Array.of(7, 8, 0, 42), ring: new Float32Array(8) },
      outputs: {},
    });
    const row = new Float32Array(after["ring"]!.buffer);
    expect([row[METRIC.latched], row[METRIC.t], row[METRIC.step]]).toEqual([1, 40, 42]);
    expect(after["ring"]![METRIC.loss]! & 0x7f800000).toBe(0x7f800000);
  });

  it("gives a step without targets loss 0 and targets 0", async () => {
    const after = await runKernel(recordMetrics, {
      dims: { rows: 1 },
      inputs: { ...inputs, lossSum: Float32Array.of(0, 0), stepU: Uint32Array.of(7, 8, 0, 42), ring: new Float32Array(8) },
      outputs: {},
    });
    const row = new Float32Array(after["ring"]!.buffer);
    expect([row[METRIC.loss], row[METRIC.targets]]).toEqual([0, 0]);
  });
});
