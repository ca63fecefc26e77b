/** The loss scaler against PyTorch's GradScaler as its documentation states it, whatever the device says late. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FIRST_SCALE, GROWTH_INTERVAL, LossScaler } from "../../src/training/loss-scaler.ts";

/** torch.cuda.amp.GradScaler.update(), one call a step: init_scale 65536, growth_factor 2, backoff_factor 0.5, growth_interval 2000. */
function torchScales(overflows: readonly boolean[]): number[] {
  let scale = 65_536;
  let tracker = 0;
  return overflows.map((overflowed) => {
    const used = scale;
    if (overflowed) [scale, tracker] = [scale * 0.5, 0];
    else if (++tracker === 2000) [scale, tracker] = [scale * 2, 0];
    return used;
  });
}

/** Submits up to `ahead` steps before it hears of the first; after an overflow nothing counts that was submitted later. */
function scales(overflows: readonly boolean[], ahead: number): number[] {
  const scaler = new LossScaler();
  const used: number[] = [];
  let [submitted, heard] = [0, 0];
  while (heard < overflows.length) {
    while (submitted < overflows.length && submitted - heard < ahead) scaler.begin(submitted++);
    used[heard] = scaler.scaleAt(heard);
    if (overflows[heard]) {
      expect(scaler.skip(heard)).toBe(true);
      submitted = heard + 1;
    } else scaler.taken(heard);
    heard++;
  }
  return used;
}

describe("LossScaler", () => {
  it("has PyTorch's scale at every step, however many steps are in flight when one is found to have overflowed", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 4500 }), { maxLength: 12 }), fc.integer({ min: 1, max: 12 }), (at, ahead) => {
        const overflows = Array.from({ length: 5000 }, (_, step) => at.includes(step));
        expect(scales(overflows, ahead)).toEqual(torchScales(overflows));
      }),
      { seed: 1, numRuns: 40 },
    );
  });

  it("doubles after two thousand steps in a row, and begins to count anew after a step left out", () => {
    const overflows = Array.from({ length: 2 * GROWTH_INTERVAL + 2 }, (_, step) => step === 1999);
    const used = scales(overflows, 3);
    expect([used[0], used[1999], used[2000], used[3999], used[4000]]).toEqual([FIRST_SCALE, FIRST_SCALE, FIRST_SCALE / 2, FIRST_SCALE / 2, FIRST_SCALE]);
  });

  it("goes on from a saved state, and gives up where the scale is one", () => {
    const scaler = new LossScaler({ scale: 2, good: 7, skipped: 3 });
    scaler.begin(0);
    expect(scaler.state).toEqual({ scale: 2, good: 8, skipped: 3 });
    expect(scaler.skip(0)).toBe(true);
    expect(scaler.state).toEqual({ scale: 1, good: 0, skipped: 4 });
    scaler.begin(1);
    expect(scaler.skip(1)).toBe(false);
    expect(scaler.state).toEqual({ scale: 1, good: 1, skipped: 4 });
  });
});
