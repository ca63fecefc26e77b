/** The distribution that sampling draws from, worked out by sorting: a second implementation, which shares nothing with the kernel's. */

export interface SampleOptions {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
}

export interface Distribution {
  /** By token; 0 where it is not kept. */
  readonly p: Float64Array;
  /** Distance of top_p from the nearest mass at which the nucleus would change, in probability. */
  readonly nucleusMargin: number;
}

export function distributionOf(logits: Float64Array, { temperature, topK, topP }: SampleOptions): Distribution {
  const order = Array.from(logits, (logit, token) => ({ logit, token })).sort((a, b) => b.logit - a.logit);
  const p = new Float64Array(logits.length);
  let nucleusMargin = Infinity;
  if (temperature === 0) {
    p[logits.indexOf(order[0]!.logit)] = 1;
    return { p, nucleusMargin };
  }
  let kept = topK === 0 ? order : order.filter(({ logit }) => logit >= order[Math.min(topK, order.length) - 1]!.logit);
  const weights = kept.map(({ logit }) => Math.exp((logit - kept[0]!.logit) / temperature));
  if (topP < 1) {
    const total = weights.reduce((a, b) => a + b, 0);
    let mass = 0;
    let size = 0;
    for (; size < kept.length; size++) {
      // A nucleus ends only where the next logit is smaller.
      if (size > 0 && kept[size]!.logit < kept[size - 1]!.logit) {
        nucleusMargin = Math.min(nucleusMargin, Math.abs(mass / total - topP));
        if (mass / total >= topP) break;
      }
      mass += weights[size]!;
    }
    kept = kept.slice(0, size);
  }
  const total = kept.reduce((sum, _, i) => sum + weights[i]!, 0);
  kept.forEach(({ token }, i) => (p[token] = weights[i]! / total));
  return { p, nucleusMargin };
}

/** How near `draw` is to where the chosen token's share begins or ends. */
export function borderDistance(p: Float64Array, draw: number): number {
  let cumulative = 0;
  let nearest = Infinity;
  for (let i = 0; i < p.length; i++) {
    cumulative += p[i]!;
    if (p[i]! > 0 && cumulative < 1 - 1e-9) nearest = Math.min(nearest, Math.abs(cumulative - draw));
  }
  return nearest;
}

/** The value that chi-square of `freedom` degrees exceeds once in a thousand (Wilson, Hilferty, 1931). */
export const chiSquareLimit = (freedom: number): number => freedom * (1 - 2 / (9 * freedom) + 3.0902 * Math.sqrt(2 / (9 * freedom))) ** 3;
