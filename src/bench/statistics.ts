/** Numbers out of samples: percentiles, spread, how many repeats a sample needs. Pure; takes no time itself. */

/** A sample shorter than this says more of the clock and the scheduler than of the kernel. */
export const SAMPLE_MS = 20;
/** And it lasts this many steps of the clock at least, so that the clock errs by 1 % at most. */
export const QUANTA = 100;
/** Launches of one sample: past this a launch is so short that the sample measures the submit. */
export const MOST_REPEATS = 4096;

/** The value below which a share `p` (0 to 1) of the samples lies, between neighbours by proportion. @throws RangeError without samples */
export function percentile(samples: readonly number[], p: number): number {
  if (samples.length === 0) throw new RangeError("There are no samples.");
  const sorted = samples.toSorted((a, b) => a - b);
  const at = p * (sorted.length - 1);
  const below = sorted[Math.floor(at)]!;
  return below + (at - Math.floor(at)) * (sorted[Math.ceil(at)]! - below);
}

export const median = (samples: readonly number[]): number => percentile(samples, 0.5);

export interface Spread {
  readonly median_ms: number;
  readonly p20_ms: number;
  readonly p80_ms: number;
  readonly samples: number;
}

export const spreadOf = (ms: readonly number[]): Spread => ({ median_ms: median(ms), p20_ms: percentile(ms, 0.2), p80_ms: percentile(ms, 0.8), samples: ms.length });

/** How far two timings of one thing lie apart, as a share of the smaller. */
export const apart = (a: number, b: number): number => Math.abs(a - b) / Math.min(a, b);

/** How long a sample lasts on a clock of this quantum. */
export const sampleMs = (quantumMs: number): number => Math.max(SAMPLE_MS, QUANTA * quantumMs);

/** Repeats that make a sample long enough, from a forecast of one. */
export const repeatsFor = (onceMs: number, quantumMs: number): number => Math.max(1, Math.min(MOST_REPEATS, Math.ceil(sampleMs(quantumMs) / Math.max(1e-4, onceMs))));

/** The smallest step that the clock takes, milliseconds: the least of `steps` that were seen. */
export function quantumOf(now: () => number, steps = 20): number {
  let least = Infinity;
  for (let i = 0; i < steps; i++) {
    const from = now();
    let at = from;
    // A clock that stands still is left after some 10^7 looks.
    for (let looks = 0; at === from && looks < 1e7; looks++) at = now();
    if (at > from) least = Math.min(least, at - from);
  }
  return Number.isFinite(least) ? least : 1;
}
