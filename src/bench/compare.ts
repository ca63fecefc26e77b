/** Two results side by side: device against device, version against version. Pure. */
import type { BenchResult, BenchRow } from "../protocol/bench.ts";

export interface Comparison {
  readonly suite: string;
  readonly name: string;
  readonly shape: string;
  readonly variant: string;
  readonly before_ms?: number;
  readonly after_ms?: number;
  /** Time before over time after: above 1 the second result is faster. */
  readonly ratio?: number;
  /** "faster" and "slower" only beyond what the noise of both runs explains; "only one" where the other has no such row or no time. */
  readonly verdict: "faster" | "slower" | "same" | "only one";
}

/** Below this share a difference is called none, whatever little noise was seen. */
const LEAST = 0.03;

const keyOf = ({ suite, name, shape, variant }: BenchRow): string => JSON.stringify([suite, name, shape, variant]);

/**
 * Rows of the same suite, name, shape and variant. A/A rows are left out: they are a row's noise, not a row.
 * @param chosen compare what each result trains with, whatever its variant is called: for two devices, whose best variants differ
 */
export function compareResults(before: Pick<BenchResult, "rows">, after: Pick<BenchResult, "rows">, chosen = false): Comparison[] {
  const rowsOf = (result: Pick<BenchResult, "rows">): Map<string, BenchRow> => {
    const own = result.rows.filter((row) => row.status !== "A/A" && (!chosen || row.chosen === true));
    return new Map(own.map((row) => [chosen ? keyOf({ ...row, variant: "" }) : keyOf(row), row]));
  };
  const [first, second] = [rowsOf(before), rowsOf(after)];
  return [...new Set([...first.keys(), ...second.keys()])].map((key) => {
    const [a, b] = [first.get(key), second.get(key)];
    const { suite, name, shape } = (a ?? b)!;
    const variants = [...new Set([a?.variant, b?.variant].filter((text) => text !== undefined))];
    const base = { suite, name, shape, variant: variants.join(" / "), ...(a?.median_ms === undefined ? {} : { before_ms: a.median_ms }), ...(b?.median_ms === undefined ? {} : { after_ms: b.median_ms }) };
    if (a?.median_ms === undefined || b?.median_ms === undefined) return { ...base, verdict: "only one" };
    const ratio = a.median_ms / b.median_ms;
    const noise = Math.max(LEAST, a.noise ?? 0, b.noise ?? 0);
    return { ...base, ratio, verdict: ratio > 1 + noise ? "faster" : ratio < 1 / (1 + noise) ? "slower" : "same" };
  });
}
