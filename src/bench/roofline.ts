/**
 * The roofline: what a device could do at most at an arithmetic intensity (Williams, Waterman, Patterson, "Roofline: an insightful visual
 * performance model", CACM 2009). Both roofs are measured on the device itself, none is taken from a data sheet.
 */

export interface Peak {
  /** 10^9 floating-point operations a second, a multiply-add counted as two. */
  readonly gflops: number;
  /** 10^9 bytes a second, read and written ones added. */
  readonly gbps: number;
}

export interface Work {
  readonly flops: number;
  readonly bytes: number;
}

/** Milliseconds below which this work cannot be done under these roofs. */
export const leastMs = ({ flops, bytes }: Work, peak: Peak): number => Math.max(flops / (peak.gflops * 1e6), bytes / (peak.gbps * 1e6));

/** GFLOP/s that the roofs allow at an intensity in operations a byte. */
export const roofAt = (intensity: number, peak: Peak): number => Math.min(peak.gflops, intensity * peak.gbps);

export interface Speed {
  readonly gflops?: number;
  readonly gbps: number;
  readonly intensity?: number;
  /** Percent. */
  readonly roofline?: number;
}

/** The higher of each roof. */
export const higher = (a: Peak, b: Peak): Peak => ({ gflops: Math.max(a.gflops, b.gflops), gbps: Math.max(a.gbps, b.gbps) });

/** Percent of these roofs that a speed is, as `speedOf` has it. */
export const shareOfRoof = ({ gflops = 0, gbps }: Pick<Speed, "gflops" | "gbps">, peak: Peak): number => 100 * Math.max(gflops / peak.gflops, gbps / peak.gbps);

/** @param peak null where no peak was measured: then there is no percentage */
export function speedOf(work: Work, ms: number, peak: Peak | null): Speed {
  const { flops, bytes } = work;
  return {
    ...(flops > 0 ? { gflops: flops / ms / 1e6, intensity: flops / bytes } : {}),
    gbps: bytes / ms / 1e6,
    ...(peak ? { roofline: (100 * leastMs(work, peak)) / ms } : {}),
  };
}
