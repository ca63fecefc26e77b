/**
 * Submits cut to measure: a GPU that is busy with one submit draws nothing else, and Windows resets one that is busy for 2 s. The work of
 * every launch is known, the device's rate is measured from whole steps, so each submit's time can be foretold. Changes no bit.
 */
import type { Command, Program } from "../device/types.ts";
import { workOf } from "../plan/work.ts";

/** While somebody looks at the page: two frames of a display at 60 Hz. */
export const ROOM_MS = 30;
/** At full speed, or hidden: far below what any system takes for a hang. */
export const FULL_MS = 250;
/** Work in a millisecond before any step was measured: a slow adapter's, so that the first submits are small rather than long. */
const FIRST_RATE = 2e7;

export class Pace {
  /** Longest submit, in milliseconds as foretold. A single launch is never cut. */
  limitMs = ROOM_MS;
  #rate = FIRST_RATE;
  readonly #works = new WeakMap<Program, Float64Array>();

  /** @param work what was submitted, as `workOfCommands` gives it @param ms how long it took */
  observe(work: number, ms: number): void {
    if (!(work > 0 && ms > 0)) return;
    const seen = work / ms;
    // A device that has become slower (hot, or shared) is believed at once, a faster one by and by.
    this.#rate = seen < this.#rate ? seen : 0.7 * this.#rate + 0.3 * seen;
  }

  #worksOf(program: Program): Float64Array {
    let works = this.#works.get(program);
    if (!works) this.#works.set(program, (works = Float64Array.from(program.launches, workOf)));
    return works;
  }

  workOfCommands(commands: readonly Command[]): number {
    let sum = 0;
    for (const command of commands) {
      if (command.kind !== "run") continue;
      const { program, first = 0, count = program.launches.length - first } = command;
      const works = this.#worksOf(program);
      for (let i = first; i < first + count; i++) sum += works[i]!;
    }
    return sum;
  }

  /** The same commands in the same order, as submits of at most `limitMs` each. Fills and copies weigh nothing. */
  submits(commands: readonly Command[]): Command[][] {
    const most = this.limitMs * this.#rate;
    const submits: Command[][] = [];
    let current: Command[] = [];
    let filled = 0;
    const close = (): void => {
      if (current.length > 0) submits.push(current);
      current = [];
      filled = 0;
    };
    for (const command of commands) {
      if (command.kind !== "run") {
        current.push(command);
        continue;
      }
      const { program, first = 0, count = program.launches.length - first } = command;
      const works = this.#worksOf(program);
      let from = first;
      for (let i = first; i < first + count; i++) {
        if (filled > 0 && filled + works[i]! > most) {
          if (i > from) current.push({ kind: "run", program, first: from, count: i - from });
          close();
          from = i;
        }
        filled += works[i]!;
      }
      if (from < first + count) current.push(from === 0 && count === program.launches.length ? { kind: "run", program } : { kind: "run", program, first: from, count: first + count - from });
    }
    close();
    return submits;
  }
}
