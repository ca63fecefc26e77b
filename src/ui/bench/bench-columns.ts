/** The columns of a suite's table: which numbers, what they are called and mean, how they are written. Pure. */
import type { BenchRow } from "../../protocol/index.ts";
import { formatCount, formatFigure, formatShort } from "../shared/format.ts";

/** Numbers of a row, in the order of the table. */
export const NUMBERS = [["median_ms", "ms"], ["p20_ms", "p20 to p80"], ["gpu_ms", "GPU ms"], ["gflops", "GFLOP/s"], ["gbps", "GB/s"], ["roofline", "% of roof"], ["tokens_per_sec", "tokens/s"], ["launches", "launches"], ["noise", "noise"], ["error_vs_bound", "error"]] as const satisfies readonly (readonly [keyof BenchRow, string])[];

/** Words for a column's head where its name says too little. */
export const MEANINGS: Partial<Record<(typeof NUMBERS)[number][0], string>> = {
  median_ms: "Median wall time of one launch, or of one step", p20_ms: "A fifth of the samples were faster than the first, a fifth slower than the second", gpu_ms: "Median by the GPU's own timestamps",
  roofline: "Of what the device's measured peaks allow at this arithmetic intensity", launches: "How often one training step launches it at this shape", noise: "How far two timings of the same thing lay apart: smaller differences mean nothing",
  error_vs_bound: "Worst error as a share of what is allowed; 1 is the limit",
};

/** Three significant digits; nothing where there is no number. */
export const short = (value: number | undefined): string => (value === undefined ? "" : formatFigure(value));

export function cellOf(row: BenchRow, field: (typeof NUMBERS)[number][0]): string {
  if (field === "launches") return formatCount(row.launches);
  if (field === "tokens_per_sec") return formatShort(row.tokens_per_sec);
  if (field === "noise") return row.noise === undefined ? "" : `${(100 * row.noise).toFixed(1)} %`;
  if (field === "p20_ms") return row.p20_ms === undefined || row.p80_ms === undefined ? "" : `${short(row.p20_ms)} to ${short(row.p80_ms)}`;
  return short(row[field]);
}
