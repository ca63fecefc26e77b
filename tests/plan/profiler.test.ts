/** A profile of a step: every launch is in it with its work, a tensor never shares its buffer with one that lives, and no bit of training moves. */
import { describe, expect, it } from "vitest";
import type { Device } from "../../src/device/types.ts";
import type { Plan } from "../../src/plan/compile.ts";
import type { Tensor } from "../../src/plan/tensor.ts";
import { livesOf, profileLaunches } from "../../src/plan/profiler.ts";
import { hashOf, losses, microTrainer, wasmCpu, type FamilyName } from "../support/micro.ts";

const hooks = { now: () => performance.now(), breathe: async () => {} };

describe.each(["gpt2", "llama"] as FamilyName[])("a profile of %s", (family) => {
  it("has every launch of micro and update in order, each with a time and its kernel's own cost", async () => {
    const trainer = await microTrainer(await wasmCpu(), { family });
    await losses(trainer, 2);
    const recordings = trainer.programs.recordings.filter(({ name }) => name === "micro" || name === "update");
    const launches = await profileLaunches(trainer.plan, recordings, hooks);
    expect(launches.map(({ program, label }) => `${program} ${label}`)).toEqual(recordings.flatMap((recording) => recording.launches.map(({ label }) => `${recording.name} ${label}`)));
    for (const { ms, label, flops, bytes } of launches) expect([ms > 0, flops >= 0, bytes > 0], label).toEqual([true, true, true]);
    // Forward, and twice as much backward: the flops of the trainer's own count are all in here.
    expect(launches.filter(({ kernel }) => /matmul|attention/.test(kernel)).reduce((sum, { flops }) => sum + flops, 0)).toBeGreaterThanOrEqual(trainer.programs.flopsPerMicro);
    trainer.destroy();
  });

  it("is of the launches and not of the submits that carry them", async () => {
    const trainer = await microTrainer(await wasmCpu(), { family });
    const [SUBMIT_MS, LAUNCH_MS] = [2, 0.1];
    let clock = 0;
    const { device } = trainer.plan;
    const slow: Device = {
      ...device,
      submit(commands) {
        device.submit(commands.filter(({ kind }) => kind !== "run"));
        clock += SUBMIT_MS + LAUNCH_MS * commands.filter(({ kind }) => kind === "run").length;
      },
    };
    const plan = { device: slow, programs: trainer.plan.programs, readU32: (tensor: Tensor) => trainer.plan.readU32(tensor) } as unknown as Plan;
    for (const { ms, label } of await profileLaunches(plan, trainer.programs.recordings.slice(0, 1), { ...hooks, now: () => clock })) {
      expect(ms, label).toBeGreaterThanOrEqual(LAUNCH_MS);
      expect(ms, label).toBeLessThan(1.2 * LAUNCH_MS);
    }
    trainer.destroy();
  });

  it("leaves training as it was, bit for bit, wherever it is taken", async () => {
    const hashes: string[] = [];
    for (const profiled of [false, true]) {
      const trainer = await microTrainer(await wasmCpu(), { family });
      const seen: number[] = [];
      for (let step = 0; step < 4; step++) {
        seen.push(...(await losses(trainer, 1)));
        if (profiled && step % 2 === 0) await profileLaunches(trainer.plan, trainer.programs.recordings.slice(0, 2), hooks);
      }
      hashes.push(`${await hashOf(trainer)} ${seen.join(" ")}`);
      trainer.destroy();
    }
    expect(hashes[1]).toBe(hashes[0]);
  });

  it("shows memory as it is planned: two that share a buffer never live at once, and each fits into it", async () => {
    const trainer = await microTrainer(await wasmCpu(), { family });
    const { memory } = trainer.plan;
    const lives = livesOf(trainer.programs.recordings.find(({ name }) => name === "micro")!, memory);
    trainer.destroy();
    expect(lives.length).toBeGreaterThan(15);
    for (const [i, one] of lives.entries()) {
      expect(one.sizeBytes).toBeLessThanOrEqual(memory.buffers[one.buffer]!.sizeBytes);
      for (const other of lives.slice(i + 1)) if (other.buffer === one.buffer) expect(one.last < other.first || other.last < one.first, `${one.label} and ${other.label}`).toBe(true);
    }
  });
});
