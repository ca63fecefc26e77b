/** Writes one row of the metric ring, so that the host can read many steps at once instead of waiting for each. */
import { defineKernel } from "../device/types.ts";
import { COUNTS, METRIC, METRIC_COLUMNS, SCALARS, STEP_F, STEP_U, stepBlockConstants } from "./step-block.ts";
import recordMetricsWgsl from "../../shaders/record-metrics.wgsl?raw";

/**
 * ring[stepU.metricRow mod rows] = the columns of METRIC; lossSum (2) as `lossSum` left it, ring (rows, 8). A step without
 * targets has loss 0, and `targets` says why. Counts are exact up to 2^24.
 */
export const recordMetrics = defineKernel({
  name: "recordMetrics",
  bindings: { lossSum: "read", scalars: "read", counts: "read:u32", stepF: "read", stepU: "read:u32", ring: "readwrite" },
  dims: { rows: "u32" },
  cost: () => ({ flops: 1, bytes: 4 * (2 + 4 + 4 + 4 + 4 + METRIC_COLUMNS) }),
  variants: [{ name: "one-thread", wgsl: recordMetricsWgsl, constants: stepBlockConstants, workgroups: () => 1 }],
  meaning({ lossSum, scalars, counts, stepF, stepU, ring }, { rows }) {
    const row = (stepU[STEP_U.metricRow] % rows) * METRIC_COLUMNS;
    ring[row + METRIC.loss] = lossSum[1] === 0 ? 0 : lossSum[0] / lossSum[1];
    ring[row + METRIC.gradNorm] = scalars[SCALARS.gradNorm];
    ring[row + METRIC.clipScale] = scalars[SCALARS.clipScale];
    ring[row + METRIC.lr] = stepF[STEP_F.lr];
    ring[row + METRIC.latched] = counts[COUNTS.latched] === 0 ? 0 : 1;
    ring[row + METRIC.t] = counts[COUNTS.t];
    ring[row + METRIC.targets] = lossSum[1];
    ring[row + METRIC.step] = stepU[STEP_U.step];
  },
});
