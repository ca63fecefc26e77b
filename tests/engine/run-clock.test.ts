/** Training time as the engine counts it: only inside steps, none of it while hidden, and never backwards. */
import { describe, expect, it } from "vitest";
import { RunClock, stageProgress } from "../../src/engine/run-clock.ts";
import { presetByName } from "../../src/protocol/presets.ts";

function clockAt(): { clock: RunClock; pass: (ms: number) => void } {
  let now = 1000;
  return { clock: new RunClock(() => now, 2), pass: (ms) => (now += ms) };
}

describe("RunClock", () => {
  it("counts the time inside training and none between", async () => {
    const { clock, pass } = clockAt();
    await clock.training(0, async () => pass(30));
    pass(10_000);
    await clock.training(1, async () => pass(12));
    expect([clock.spentMs(0), clock.spentMs(1), clock.totalMs]).toEqual([30, 12, 42]);
    expect(clock.rate(84)).toBe(2000);
  });

  it("counts no hidden time, gives no rate over it, and starts the rate anew afterwards", async () => {
    const { clock, pass } = clockAt();
    await clock.training(0, async () => pass(10));
    clock.visible = false;
    await clock.training(0, async () => pass(5000));
    expect(clock.rate(640)).toBeNull();
    expect(clock.totalMs).toBe(10);
    clock.visible = true;
    await clock.training(0, async () => pass(20));
    expect(clock.rate(64)).toBe(3200);
    expect(clock.totalMs).toBe(30);
  });

  it("is not taken back by a clock that jumps back, and counts a piece of training that failed", async () => {
    const { clock, pass } = clockAt();
    await clock.training(0, async () => pass(-500));
    expect([clock.totalMs, clock.rate(10)]).toEqual([0, null]);
    await clock.training(0, async () => {
      pass(7);
      throw new Error("device");
    }).catch(() => undefined);
    expect(clock.totalMs).toBe(7);
  });

  it("goes on from what a checkpoint says, and expects of what is left the rate it measured itself", async () => {
    let now = 0;
    const clock = new RunClock(() => now, 2, { spentMs: [900, 100] });
    const { stages } = presetByName("first-light")!;
    const steps = [stages[0]!.max_iters, 20];
    const progress = () => stageProgress(stages, steps, clock, () => 100);
    expect(progress().map(({ spentMs, remainingMs }) => [spentMs, remainingMs])).toEqual([[900, undefined], [100, undefined]]);
    await clock.training(1, async () => { now += 50; });
    clock.rate(200);
    expect(progress().map(({ spentMs, remainingMs }) => [spentMs, remainingMs])).toEqual([[900, 0], [150, (stages[1]!.max_iters - 20) * 100 * 0.25]]);
  });
});
