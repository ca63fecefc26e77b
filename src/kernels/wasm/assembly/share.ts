/**
 * How a launch is divided: every export computes share `part` of `parts` of its outputs, and all of them where parts is 1. Outputs are
 * split and never sums, so that an output's bits do not depend on the number of shares. Shares may be empty.
 */

/** Elements of a cache line: shares of a row or an array meet at its multiples, so that no two threads write one line. */
export const LINE: i32 = 16;

/** Where share `part` begins among `units`, at a multiple of `by`; where `part` is `parts`, the end. */
// @ts-ignore: decorator
@inline
export function beginOf(units: i32, by: i32, part: i32, parts: i32): i32 {
  const blocks = (<i64>units + by - 1) / by;
  return <i32>min<i64>(units, ((blocks * part) / parts) * by);
}
