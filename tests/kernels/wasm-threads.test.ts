/** Threads on the CPU backend: a launch that is split has the bits of one that is not, a training too, and what goes wrong with a thread is told. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCpuDevice, type Arithmetic, type CpuDevice } from "../../src/device/cpu/cpu-device.ts";
import { POISON, runKernel } from "../support/kernel-harness.ts";
import { hashOf, losses, microTrainer, type FamilyName } from "../support/micro.ts";
import { threadCases } from "../support/thread-cases.ts";
import { threadedDevice, type Threaded } from "../support/threads.ts";
import { relaxedModule, wasmModule } from "../support/wasm.ts";

const opened: Threaded[] = [];
afterAll(() => opened.forEach(({ device }) => device.destroy()));

let alone: CpuDevice;
let two: Threaded;
let three: Threaded;
beforeAll(async () => {
  alone = createCpuDevice({ wasm: await wasmModule(), relaxed: await relaxedModule(), poison: POISON });
  [two, three] = [await threadedDevice(2, { relaxed: true, poison: POISON }), await threadedDevice(3, { relaxed: true, poison: POISON })];
  opened.push(two, three);
}, 60_000);

describe.each(["plain", "relaxed"] as const)("in the %s build", (build) => {
  it.each(threadCases)("%s has the same bits on two threads and on three, at odd edges and with fewer rows than threads", async (_name, kernel, cases) => {
    for (const each of [alone, two.device, three.device]) each.arithmetic = build;
    for (const given of cases()) {
      const want = await runKernel(kernel, { ...given, device: alone });
      for (const { device } of [two, three]) expect(await runKernel(kernel, { ...given, device }), JSON.stringify(given.dims)).toEqual(want);
    }
  });
});

describe("a training", () => {
  it.each(["gpt2", "llama"] as FamilyName[])("of %s has the same bits after 20 steps with one, two and three threads, in either build", async (family) => {
    const train = async (device: CpuDevice, build: Arithmetic): Promise<{ seen: number[]; hash: string }> => {
      device.arithmetic = build;
      const trainer = await microTrainer(device, { family });
      const seen = await losses(trainer, 20);
      const hash = await hashOf(trainer);
      trainer.destroy();
      return { seen, hash };
    };
    for (const build of ["plain", "relaxed"] as const) {
      const want = await train(alone, build);
      expect(await train(two.device, build)).toEqual(want);
      expect(await train(three.device, build)).toEqual(want);
    }
    console.info("shares done by each thread:", two.pool.doneBy, three.pool.doneBy);
    for (const { pool } of [two, three]) expect(Math.min(...pool.doneBy)).toBeGreaterThan(0);
  });
});
