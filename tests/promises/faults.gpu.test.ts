/**
 * Promise 13: no GPU error is silent. A normal run raises none; a destroyed buffer, too many workgroups, a wrong binding or a
 * shader that does not compile stop a run before its next metric, by the name of what they happened in.
 */
import { describe, expect, it } from "vitest";
import { NestlingError } from "../../src/core/errors.ts";
import type { AnyKernel, Device, DeviceBuffer, Heap, Launch, View } from "../../src/device/types.ts";
import { createWebGpuDevice } from "../../src/device/webgpu/webgpu-device.ts";
import { freshGpuDevice } from "../support/gpu.ts";
import { losses, microTrainer, wasmCpu } from "../support/micro.ts";

const WRITE_ONE = `
struct Dims { size: u32 }
@group(0) @binding(0) var<storage, read> inp: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(1) @binding(0) var<uniform> dims: Dims;
@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(num_workgroups) all: vec3<u32>) {
  let i = id.y * all.x + id.x;
  if (i < dims.size) { out[i] = inp[i] + 1.0; }
}`;

/** One workgroup an element. */
function kernelOf(wgsl: string, workgroups: (dims: Record<string, number>) => number = ({ size }) => size!): AnyKernel {
  return {
    name: "writeOne", bindings: { inp: "read", out: "write" }, dims: { size: "u32" }, cost: () => ({ flops: 1, bytes: 1 }),
    variants: [{ name: "bad", wgsl, workgroups }], meaning: () => {},
  };
}

const launchOf = (kernel: AnyKernel, views: readonly View[], size: number): Launch => ({ label: "writeOne h.3.bad", kernel, variant: 0, views, dims: [size] });

const whole = (buffer: DeviceBuffer): View => ({ buffer, offsetBytes: 0, sizeBytes: buffer.sizeBytes });

async function twoBuffers(device: Device, sizeBytes: number): Promise<{ heap: Heap; views: View[] }> {
  const heap = await device.allocate([{ label: "left", sizeBytes }, { label: "right", sizeBytes }]);
  return { heap, views: heap.buffers.map(whole) };
}

async function typed(act: () => Promise<unknown>): Promise<NestlingError> {
  try {
    await act();
  } catch (error) {
    if (error instanceof NestlingError) return error;
    throw error;
  }
  return expect.fail("nothing was thrown");
}

let own: Promise<Device> | undefined;

/** A GPUDevice of this file's own: every Device on it hears of the errors made here on purpose. */
function webGpu(): Promise<Device> {
  own ??= freshGpuDevice().then((gpu) => createWebGpuDevice(gpu, { softwareAdapter: true }));
  return own;
}

describe("a run on WebGPU", () => {
  it("raises no error that nobody asked for, over training, evaluating, looking and generating", async () => {
    const gpu = await freshGpuDevice();
    const errors: string[] = [];
    gpu.addEventListener("uncapturederror", ({ error }) => errors.push(error.message));
    const device = createWebGpuDevice(gpu, { softwareAdapter: true });
    const trainer = await microTrainer(device, { model: { dropout: 0.1 }, stage: { gradient_accumulation_steps: 2 } });
    await losses(trainer, 10);
    await trainer.evaluate(trainer.data, 2);
    await trainer.probabilities(trainer.data.evaluate(0, 1, 32));
    for await (const drawn of trainer.ask.generate([[1, 2]], { temperature: 1, top_k: 4, top_p: 0.9, max_new_tokens: 40, seed: 1 })) void drawn;
    await trainer.snapshot(true);
    trainer.destroy();
    await device.finished();
    console.info(`${errors.length} uncaptured errors`);
    expect(errors).toEqual([]);
    expect(device.takeError()).toBeNull();
  });

  it.each(["parameters decay.0", "gradients no-decay.1", "moment v decay.0", "slot 0", "batch ids", "step f32", "metric ring", "counts"])(
    "is stopped before the next metric, by name, when the buffer %s is destroyed", async (label) => {
      const device = await webGpu();
      const trainer = await microTrainer(device);
      await losses(trainer, 1);
      const buffer = trainer.plan.heap.buffers.find((other) => other.label === label);
      (buffer as unknown as { gpu: GPUBuffer }).gpu.destroy();
      trainer.takeStep();
      const error = await typed(() => trainer.readMetrics());
      trainer.destroy();
      // One fault may be reported more than once; what follows must start clean.
      await device.finished().catch(() => {});
      device.takeError();
      console.info(`${label}: ${error.message.split("\n")[0]}`);
      expect(error.code).toBe("GPU_ERROR");
      expect(error.message).toContain(`"${label}"`);
    });

  it("is stopped when it is evaluated, looked at or asked on a destroyed buffer", async () => {
    const device = await webGpu();
    const codes: string[] = [];
    for (const look of ["evaluate", "probabilities", "generate", "snapshot"] as const) {
      const trainer = await microTrainer(device);
      const label = look === "snapshot" ? "moment m decay.0" : "parameters decay.0";
      (trainer.plan.heap.buffers.find((other) => other.label === label) as unknown as { gpu: GPUBuffer }).gpu.destroy();
      const error = await typed(async () => {
        if (look === "evaluate") await trainer.evaluate(trainer.data, 1);
        else if (look === "probabilities") await trainer.probabilities(trainer.data.evaluate(0, 1, 32));
        else if (look === "snapshot") await trainer.snapshot(true);
        else for await (const drawn of trainer.ask.generate([[1]], { temperature: 0, top_k: 0, top_p: 1, max_new_tokens: 2, seed: 1 })) void drawn;
      });
      trainer.destroy();
      await device.finished().catch(() => {});
      device.takeError();
      codes.push(`${look}: ${error.code}`);
      expect(error.message, look).toContain(`"${label}"`);
    }
    console.info(codes.join(", "));
    expect(codes).toEqual(["evaluate: GPU_ERROR", "probabilities: GPU_ERROR", "generate: GPU_ERROR", "snapshot: GPU_ERROR"]);
  });
});

describe("a device that is gone", () => {
  /** What Chromium rejects with once its GPU process has crashed; it may never resolve `lost`. */
  const gone = (): Promise<never> => Promise.reject(new DOMException("A valid external Instance reference no longer exists.", "OperationError"));
  const LOST = { code: "GPU_LOST", message: expect.stringMatching(/^\[GPU_LOST\] The GPU device was lost: .*no longer exists.* reload the page to go on\.$/) as string };

  /** The device, with one call of it, of its queue or of its read-back buffers as a crash leaves it. */
  const without = (real: GPUDevice, call: string): GPUDevice => {
    const over = <T extends object>(target: T): T => new Proxy(target, {
      get: (of, key) => {
        if (key === call) return gone;
        const value = Reflect.get(of, key) as unknown;
        if (key === "queue") return over(value as GPUQueue);
        if (key === "createBuffer" && call === "mapAsync") return (made: GPUBufferDescriptor) => Object.assign(real.createBuffer(made), made.label === "staging" && { mapAsync: gone });
        return typeof value === "function" ? (value as (...args: unknown[]) => unknown).bind(of) : value;
      },
    });
    return over(real);
  };
  const prepareOne = async (device: Device, wgsl: string): Promise<unknown> => device.prepare("one", [launchOf(kernelOf(wgsl), (await twoBuffers(device, 256)).views, 4)]);

  it.each([
    ["onSubmittedWorkDone", (device: Device) => device.finished()],
    ["popErrorScope", (device: Device) => device.prepare("nothing", [])],
    ["mapAsync", async (device: Device) => device.read((await twoBuffers(device, 256)).views[0]!)],
  ] as const)("says so in words where %s fails", async (call, act) => {
    const error = await typed(async () => act(createWebGpuDevice(without(await freshGpuDevice(), call), { softwareAdapter: true })));
    console.info(`${call}: ${error.message}`);
    expect(error).toMatchObject(LOST);
  });

  it("is not taken for a kernel that does not compile, nor the other way round", async () => {
    const gone = createWebGpuDevice(without(await freshGpuDevice(), "createComputePipelineAsync"), { softwareAdapter: true });
    expect(await typed(() => prepareOne(gone, WRITE_ONE))).toMatchObject(LOST);
    expect(await typed(async () => prepareOne(await webGpu(), "fn"))).toMatchObject({ code: "SHADER_COMPILE" });
  });
});

describe("a bad kernel on WebGPU", () => {

  it("asks for 65,536 workgroups and gets them in two dimensions; for more than two hold, it is refused by name", async () => {
    const device = await webGpu();
    const size = 65_536;
    const { heap, views } = await twoBuffers(device, 4 * size);
    device.write(views[0]!, Float32Array.from({ length: size }, (_, i) => i));
    device.submit([{ kind: "run", program: await device.prepare("wide", [launchOf(kernelOf(WRITE_ONE), views, size)]) }]);
    await device.finished();
    const out = new Float32Array(await device.read(views[1]!));
    expect(out.every((x, i) => x === i + 1)).toBe(true);
    const counts = [65_535 * 65_535 + 1, 2 ** 33, NaN, -1, 0.5];
    const errors: NestlingError[] = [];
    for (const count of counts) errors.push(await typed(() => device.prepare("wide", [launchOf(kernelOf(WRITE_ONE, () => count), views, 1)])));
    heap.destroy();
    console.info(`${size} workgroups ran; ${errors[0]!.message}`);
    for (const [i, error] of errors.entries()) {
      expect(error.code).toBe("KERNEL_DIMS");
      expect(error.message).toContain(`writeOne h.3.bad: ${counts[i]} workgroups`);
      expect(error.message).toContain("65535 x 65535");
    }
  });

  it.each([
    ["does not compile", WRITE_ONE.replace("+ 1.0", "+ 1u"), "SHADER_COMPILE", "line 9"],
    ["declares a binding that its contract has not", WRITE_ONE.replace("@binding(1) var<storage, read_write> out", "@binding(2) var<storage, read_write> out"), "SHADER_COMPILE", "writeOne/bad"],
    ["writes to what its contract reads", WRITE_ONE.replace("var<storage, read> inp", "var<storage, read_write> inp"), "SHADER_COMPILE", "writeOne/bad"],
    ["wants more invocations than the specification grants", WRITE_ONE.replace("workgroup_size(1)", "workgroup_size(512)"), "SHADER_COMPILE", "writeOne/bad"],
  ])("that %s never runs, and is named", async (_, wgsl, code, says) => {
    const device = await webGpu();
    const { heap, views } = await twoBuffers(device, 256);
    const error = await typed(() => device.prepare("bad", [launchOf(kernelOf(wgsl), views, 1)]));
    heap.destroy();
    await device.finished();
    console.info(error.message.split("\n").slice(0, 2).join(" | "));
    expect(error.code).toBe(code);
    expect(error.message).toContain(says);
    expect(error.message).toContain("writeOne/bad");
  });
});

describe.each([["WebGPU", webGpu], ["CPU", wasmCpu]] as const)("a bad launch on %s", (_, open) => {
  it.each([
    ["a buffer too few", (views: View[]) => ({ views: views.slice(1) }), "KERNEL_BINDING", "1 buffers bound"],
    ["one buffer read and written", (views: View[]) => ({ views: [views[0]!, views[0]!] }), "KERNEL_BINDING", 'share the buffer "left"'],
    ["a view that starts within 256 bytes", (views: View[]) => ({ views: [{ ...views[0]!, offsetBytes: 4, sizeBytes: 4 }, views[1]!] }), "KERNEL_BINDING", "inp is at bytes 4 to 8"],
    ["a view that ends outside its buffer", (views: View[]) => ({ views: [{ ...views[0]!, sizeBytes: 1028 }, views[1]!] }), "KERNEL_BINDING", "1028 of 1024"],
    ["an empty view", (views: View[]) => ({ views: [{ ...views[0]!, sizeBytes: 0 }, views[1]!] }), "KERNEL_BINDING", "inp is 0 bytes"],
    ["a dim that is not a whole number", () => ({ dims: [1.5] }), "KERNEL_DIMS", "dim size is 1.5"],
    ["a dim beyond u32", () => ({ dims: [2 ** 32] }), "KERNEL_DIMS", "dim size is 4294967296"],
    ["a dim too many", () => ({ dims: [1, 2] }), "KERNEL_DIMS", "2 dims given"],
    ["a variant that does not exist", () => ({ variant: 3 }), "PLAN", "variant 3"],
  ] as [string, (views: View[]) => Partial<Launch>, string, string][])("with %s is refused when it is prepared, by name", async (__, spoil, code, says) => {
    const device = await open();
    const { heap, views } = await twoBuffers(device, 1024);
    const error = await typed(() => device.prepare("bad", [{ label: "writeOne h.3.bad", kernel: kernelOf(WRITE_ONE), variant: 0, views, dims: [1], ...spoil(views) }]));
    heap.destroy();
    await device.finished();
    console.info(error.message);
    expect(error.code).toBe(code);
    expect(error.message).toContain("writeOne h.3.bad");
    expect(error.message).toContain(says);
  });
});
