/** A step on a device in few submits or many: the same bits, and at full speed one submit where one batch is one step. */
import { beforeAll, describe, expect, it } from "vitest";
import type { Device } from "../../src/device/types.ts";
import { FULL_MS } from "../../src/training/pacing.ts";
import { hashOf, microTrainer, webGpu } from "../support/micro.ts";

let device: Device;
beforeAll(async () => {
  device = await webGpu();
});

/** The device, with its submits counted. */
function counted(): { device: Device; count(): number } {
  let submits = 0;
  const submit = (...args: Parameters<Device["submit"]>): void => {
    submits++;
    device.submit(...args);
  };
  const wrapped = new Proxy(device, {
    get: (target, name) => {
      if (name === "submit") return submit;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
  return { device: wrapped, count: () => submits };
}

const STEPS = 6;

async function run(limitMs: number, micros: number): Promise<{ perStep: number; hash: string }> {
  const { device: watched, count } = counted();
  const trainer = await microTrainer(watched, { stage: { gradient_accumulation_steps: micros } });
  trainer.pace.limitMs = limitMs;
  const before = count();
  for (let step = 0; step < STEPS; step++) trainer.takeStep();
  const perStep = (count() - before) / STEPS;
  const hash = await hashOf(trainer);
  trainer.destroy();
  return { perStep, hash };
}

describe("a step on WebGPU", () => {
  it("is one submit for each micro-batch at full speed, and as many as it has launches where each must be short, with the same bits", async () => {
    const whole = await run(FULL_MS, 1);
    const cut = await run(1e-9, 1);
    console.info(`submits a step: ${whole.perStep} at full speed, ${cut.perStep} cut at every launch`);
    expect(whole.perStep).toBe(1);
    expect(cut.perStep).toBeGreaterThan(20);
    expect(cut.hash).toBe(whole.hash);
    const two = await run(FULL_MS, 2);
    expect(two.perStep).toBe(2);
    expect((await run(1e-9, 2)).hash).toBe(two.hash);
  });
});
