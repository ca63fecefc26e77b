/** Samples last as long as they are said to, whatever the forecast met. A device of arithmetic alone, with a clock that it moves. */
import { describe, expect, it } from "vitest";
import { timeInTurns, type Clock, type Subject } from "../../src/bench/stopwatch.ts";
import { sampleMs } from "../../src/bench/statistics.ts";
import type { Command, Device, Program } from "../../src/device/types.ts";

const SUBMIT_MS = 0.5;

/** @param launchMs of one launch; @param hiccup added to the sample of that number */
function fake(launchMs: number, hiccup: Readonly<Record<number, number>> = {}): { device: Device; clock: Clock; lasted: number[]; subject: Subject } {
  let now = 0;
  const lasted: number[] = [];
  const device = {
    finished: () => Promise.resolve(),
    submit: (commands: readonly Command[]) => {
      const took = SUBMIT_MS + commands.length * launchMs + (hiccup[lasted.length] ?? 0);
      lasted.push(took);
      now += took;
    },
  } as unknown as Device;
  return { device, lasted, subject: { programs: [{} as Program] }, clock: { now: () => now, quantumMs: 0.1, breathe: () => Promise.resolve(), check: () => {} } };
}

describe("a sample", () => {
  it.each([[0.05, 25], [0.05, 0.05], [0.001, 500], [3, 1], [12, 1]])("of launches of %f ms lasts at least 20 ms, and no longer than a submit may, where %f ms were forecast", async (launchMs, forecast) => {
    const { device, clock, lasted, subject } = fake(launchMs);
    const [timed] = await timeInTurns(device, [subject], [forecast], 9, clock);
    const samples = lasted.slice(-9);
    for (const took of samples) {
      expect(took).toBeGreaterThanOrEqual(launchMs === 0.001 ? 2 : sampleMs(0.1));
      expect(took).toBeLessThan(250);
    }
    // A submit's own cost is a small part of each.
    for (const ms of timed!.ms) expect(ms / launchMs).toBeLessThan(launchMs === 0.001 ? 1.3 : 1.1);
  });

  it("is made longer again where the one that it was judged by met a hiccup", async () => {
    const { device, clock, lasted, subject } = fake(0.05, { 0: 0, 1: 0 });
    await timeInTurns(device, [subject], [25], 3, clock);
    expect(lasted.at(-1)!).toBeGreaterThanOrEqual(sampleMs(0.1));
    expect(lasted[0]!).toBeLessThan(1);
  });
});
