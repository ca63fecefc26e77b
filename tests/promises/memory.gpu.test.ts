/**
 * Promise 16: memory is known before it is asked for. The estimate is what is created, to the byte; what does not fit is refused
 * before anything is; and wherever a creation fails, everything is freed and a run on the same device goes on unharmed.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { NestlingError } from "../../src/core/errors.ts";
import type { Device } from "../../src/device/types.ts";
import { createWebGpuDevice } from "../../src/device/webgpu/webgpu-device.ts";
import { freshGpuDevice } from "../support/gpu.ts";
import { hashOf, losses, microTrainer, wasmCpu, type MicroOptions } from "../support/micro.ts";
import { TrackedBuffers } from "../support/tracked-buffers.ts";

const DIMS_SLOT_BYTES = 256;

let gpu: GPUDevice;
let device: Device;
let buffers: TrackedBuffers;

beforeAll(async () => {
  gpu = await freshGpuDevice();
  buffers = new TrackedBuffers(gpu);
  device = createWebGpuDevice(gpu, { softwareAdapter: true });
});

async function refusal(options: MicroOptions, on: Device = device): Promise<NestlingError> {
  try {
    (await microTrainer(on, options)).destroy();
  } catch (error) {
    if (error instanceof NestlingError) return error;
    throw error;
  }
  return expect.fail("it was not refused");
}

describe("a model that does not fit", () => {
  it.each([
    ["one buffer beyond the binding limit", { model: { n_embd: 512, n_head: 8, block_size: 1024 }, stage: { batch_size: 17 } }, 136 * 2 ** 20, 128 * 2 ** 20],
    ["a tensor beyond the binding limit", { model: { n_embd: 4096, n_head: 64 } }, 4096 * 3 * 4096 * 4, 128 * 2 ** 20],
    ["a budget", { compile: { budgetBytes: 100_000 } }, null, 100_000],
  ] as [string, MicroOptions, number | null, number][])("is refused before any buffer is created, with both numbers: %s", async (_, options, asked, allowed) => {
    const before = buffers.created;
    const error = await refusal(options);
    console.info(`${buffers.created - before} buffers created: ${error.message}`);
    expect(buffers.created).toBe(before);
    expect(error.code).toBe("MEM_ESTIMATE");
    expect(error.details["allowed"]).toBe(allowed);
    if (asked !== null) expect(error.details["asked"]).toBe(asked);
    expect(error.details["asked"]).toBeGreaterThan(allowed);
    for (const number of ["asked", "allowed"]) {
      const bytes = error.details[number] as number;
      const said = [String(bytes), (bytes / 2 ** 20).toFixed(1), (bytes / 2 ** 20).toFixed(0)];
      expect(said.some((form) => error.message.includes(form)), `${number} ${said.join(" or ")}`).toBe(true);
    }
    expect(error.message).toMatch(/Lower|Use a smaller/);
  });

  it("is refused on the CPU by its 4 GiB, before they are asked for", async () => {
    const error = await refusal({ model: { n_embd: 1024, n_head: 16, block_size: 1024, n_layer: 8 }, stage: { batch_size: 16 } }, await wasmCpu());
    console.info(error.message);
    expect(error.code).toBe("MEM_ESTIMATE");
    expect(error.details["allowed"]).toBe(65_536 * 65_536 - 2 ** 20);
  });
});

describe("what a run holds", () => {
  it.each(["gpt2", "llama"] as const)("is what the plan said, to the byte, and is all given back, run after run: %s", async (family) => {
    const seen: number[] = [];
    for (let run = 0; run < 2; run++) {
      const before = { storage: buffers.bytes(GPUBufferUsage.STORAGE), uniform: buffers.bytes(GPUBufferUsage.UNIFORM), count: buffers.alive.size };
      const trainer = await microTrainer(device, { family });
      const created = buffers.bytes(GPUBufferUsage.STORAGE) - before.storage;
      const slots = buffers.bytes(GPUBufferUsage.UNIFORM) - before.uniform;
      const report = trainer.plan.report();
      const launches = [...trainer.plan.programs.values()].reduce((sum, program) => sum + program.launches.length, 0);
      expect(created).toBe(report.totalBytes);
      expect(report.parts.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(report.totalBytes);
      expect(slots).toBe(launches * DIMS_SLOT_BYTES);
      const filled = buffers.created;
      await losses(trainer, 12);
      seen.push(buffers.created - filled);
      trainer.destroy();
      console.info(`${family}, run ${run + 1}: ${created} bytes created, ${report.totalBytes} planned, ${slots} for ${launches} launches' dims; steps created ${seen[run]} buffers (staging, kept by the device)`);
      expect(buffers.bytes(GPUBufferUsage.STORAGE)).toBe(before.storage);
      expect(buffers.bytes(GPUBufferUsage.UNIFORM)).toBe(before.uniform);
    }
    expect(seen[1]).toBe(0);
  });

  it("is freed whichever creation fails, with a typed error, while another run on the device goes on to the same bits", async () => {
    const other = await microTrainer(device);
    await losses(other, 2);
    const base = buffers.alive.size;
    buffers.fault = null;
    (await microTrainer(device)).destroy();
    const creations = buffers.since;
    const codes = new Map<string, number>();
    for (const kind of ["throw", "error"] as const) {
      for (let at = 0; at < creations; at++) {
        buffers.fault = { at, kind };
        const error = await refusal({}).catch((untyped: unknown) => expect.fail(`creation ${at} (${kind}) ended in ${String(untyped)}`));
        buffers.fault = null;
        codes.set(error.code, (codes.get(error.code) ?? 0) + 1);
        expect(error.code, `creation ${at} (${kind})`).toBe("OUT_OF_MEMORY");
        expect([...buffers.alive.values()].slice(base).map(({ label }) => label), `creation ${at} (${kind})`).toEqual([]);
        if (at % 10 === 0) await losses(other, 1);
      }
    }
    const steps = other.step;
    const got = await hashOf(other);
    expect(device.takeError()).toBeNull();
    other.destroy();
    const alone = await microTrainer(device);
    await losses(alone, steps);
    const want = await hashOf(alone);
    alone.destroy();
    console.info(`${creations} creations failed in 2 ways each: ${[...codes].map(([code, count]) => `${count} ${code}`).join(", ")}; 0 buffers left; the other run at step ${steps}: ${got.slice(0, 8)}, undisturbed ${want.slice(0, 8)}`);
    expect(got).toBe(want);
  });
});
