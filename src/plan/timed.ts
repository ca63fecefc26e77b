/** What a tuner decides from times. Pure; what measures them is `tuner.ts`. */

/** What was timed of one candidate: results of the same group have the same bits. */
export interface Timed {
  readonly name: string;
  readonly group: number;
  /** Milliseconds, round by round; shorter where it was hopeless. */
  readonly ms: readonly number[];
}

export const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Infinity;

/** The fastest of those with the bits of `usual`; where that was not timed, the fastest of the first group that was. */
export function decide(timed: readonly Timed[], usual: string): string {
  const group = (timed.find(({ name }) => name === usual) ?? timed[0])?.group;
  return timed.filter((one) => one.group === group).toSorted((a, b) => median(a.ms) - median(b.ms))[0]?.name ?? usual;
}
