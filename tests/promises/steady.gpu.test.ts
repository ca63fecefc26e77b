/**
 * A step costs the same however many came before it, and costs JavaScript little: WebGPU objects are made once, and every step writes as
 * many bytes and launches as many kernels in as many submits as the one before.
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { referencePrograms } from "../../src/bench/cases.ts";
import { referenceSource, referenceStage, referenceWeights } from "../../src/bench/reference.ts";
import type { Command, Device } from "../../src/device/types.ts";
import { createWebGpuDevice } from "../../src/device/webgpu/webgpu-device.ts";
import { FULL_MS } from "../../src/training/pacing.ts";
import { Trainer } from "../../src/training/trainer.ts";
import { gpuDevice } from "../support/gpu.ts";
import { losses, microTrainer } from "../support/micro.ts";

const LAST = process.env["NESTLING_NIGHTLY"] === undefined ? 60 : 2000;
const WINDOW = 10;
const CREATIONS = ["createBuffer", "createBindGroup", "createBindGroupLayout", "createPipelineLayout", "createShaderModule", "createComputePipeline", "createComputePipelineAsync", "createQuerySet"] as const;

/** What a window of steps asked of the device. */
interface Asked {
  created: number;
  submits: number;
  launches: number;
  writes: number;
  bytes: number;
}

let device: Device;
let asked: Asked;
/** Takes back what was put on the device: other files share it. */
const undo: (() => void)[] = [];
const put = (target: object, name: string, value: unknown): void => {
  Object.defineProperty(target, name, { value, configurable: true });
  undo.push(() => void Reflect.deleteProperty(target, name));
};
afterAll(() => undo.forEach((each) => each()));
const nothing = (): Asked => ({ created: 0, submits: 0, launches: 0, writes: 0, bytes: 0 });

beforeAll(async () => {
  const gpu = await gpuDevice();
  asked = nothing();
  for (const name of CREATIONS) {
    const make = (gpu[name] as (...args: unknown[]) => unknown).bind(gpu);
    put(gpu, name, (...args: unknown[]) => (asked.created++, make(...args)));
  }
  const inner = createWebGpuDevice(gpu, { softwareAdapter: true });
  const watched: Partial<Device> = {
    submit: (commands: readonly Command[]) => {
      asked.submits++;
      for (const command of commands) if (command.kind === "run") asked.launches += command.count ?? command.program.launches.length - (command.first ?? 0);
      inner.submit(commands);
    },
    write: (view, data) => {
      asked.writes++;
      asked.bytes += data.byteLength;
      inner.write(view, data);
    },
  };
  device = new Proxy(inner, {
    get: (target, name) => {
      const value: unknown = Reflect.get(watched, name) ?? Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
});

describe("a step", () => {
  it(`asks at step ${LAST} for what it asked at step ${WINDOW * 2}, and makes nothing`, async () => {
    const trainer = await microTrainer(device, { stage: { max_iters: LAST + 1, gradient_accumulation_steps: 2 } });
    // At most so long, whatever it takes: how submits are cut is another promise.
    trainer.pace.limitMs = FULL_MS;
    const during = async (steps: number): Promise<Asked> => {
      asked = nothing();
      await losses(trainer, steps);
      return { ...asked };
    };
    await during(WINDOW);
    const early = await during(WINDOW);
    const between = await during(LAST - 3 * WINDOW);
    const late = await during(WINDOW);
    console.info(`steps ${WINDOW + 1} to ${2 * WINDOW}: ${JSON.stringify(early)}; steps ${LAST - WINDOW + 1} to ${LAST}: ${JSON.stringify(late)}`);
    expect(early.launches).toBeGreaterThan(WINDOW * 50);
    expect(early.created).toBe(0);
    expect(between.created).toBe(0);
    expect(late).toEqual(early);
    trainer.destroy();
  }, 300_000);

  it("costs under a millisecond of JavaScript, with a device that takes every call and does nothing", async () => {
    const text = new Uint8Array(gunzipSync(readFileSync(new URL("../../public/bench/reference.gz", import.meta.url))));
    const gpu = await gpuDevice();
    const own = createWebGpuDevice(gpu, { softwareAdapter: true });
    const trainer = await Trainer.create(own, referencePrograms("small", own.limits.maxBindingBytes), referenceStage(400), 1, referenceSource("small", text, 60));
    trainer.loadWeights(referenceWeights("small"));
    trainer.pace.limitMs = FULL_MS;
    await own.finished();
    // What is left is this project's: the batch, its writes, the walk over 121 launches.
    let calls = 0;
    const pass = { setPipeline: () => calls++, setBindGroup: () => calls++, dispatchWorkgroups: () => calls++, end: () => calls++ };
    const encoder = { beginComputePass: () => pass, clearBuffer: () => calls++, copyBufferToBuffer: () => calls++, finish: () => ({}) };
    put(gpu, "createCommandEncoder", () => encoder);
    put(gpu.queue, "submit", () => calls++);
    put(gpu.queue, "writeBuffer", () => calls++);
    const spent: number[] = [];
    for (let step = 0; step < 300; step++) {
      const from = performance.now();
      trainer.takeStep();
      spent.push(performance.now() - from);
    }
    const sorted = spent.slice(100).toSorted((a, b) => a - b);
    console.info(`JavaScript of a step of small: median ${sorted[100]!.toFixed(3)} ms, ${Math.round(calls / 300)} calls to WebGPU`);
    expect(calls / 300).toBeGreaterThan(300);
    expect(sorted[100]!).toBeLessThan(1);
  }, 60_000);
});
