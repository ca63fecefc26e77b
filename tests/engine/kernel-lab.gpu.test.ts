/** The kernel lab behind the protocol, on a device of its own: what it refuses, what a lost device leaves behind. */
import { describe, expect, it } from "vitest";
import { Bench } from "../../src/engine/bench.ts";
import type { ChosenDevice } from "../../src/engine/choose-device.ts";
import { KernelLab } from "../../src/engine/kernel-lab.ts";
import { createWebGpuDevice } from "../../src/device/webgpu/webgpu-device.ts";
import { MOST_KERNEL_TEXT, type KernelText } from "../../src/protocol/kernel-lab.ts";
import type { EngineEventBody } from "../../src/protocol/messages.ts";
import { nodeEnvironment, startTestEngine } from "../support/engine-env.ts";
import { freshGpuDevice, gpuDevice } from "../support/gpu.ts";

interface LabUnderTest {
  readonly lab: KernelLab;
  readonly events: EngineEventBody[];
  readonly opened: GPUDevice[];
  readonly bench: Bench;
  training: boolean;
}

async function newLab(): Promise<LabUnderTest> {
  const chosen: ChosenDevice = {
    device: createWebGpuDevice(await gpuDevice(), { softwareAdapter: true }),
    report: { kind: "webgpu", name: "test", why: "", fallbackAdapter: true, features: [], limits: {} },
  };
  const opened: GPUDevice[] = [];
  const adapter = {
    features: new Set<string>(), limits: chosen.device.limits, info: { vendor: "", architecture: "", device: "", description: "", isFallbackAdapter: true },
    requestDevice: async () => {
      const gpu = await freshGpuDevice();
      opened.push(gpu);
      return gpu;
    },
  };
  const env = { ...nodeEnvironment(), gpu: { requestAdapter: async () => adapter } as unknown as GPU };
  const events: EngineEventBody[] = [];
  const emit = (body: EngineEventBody): void => void events.push(body);
  const at = { training: false };
  const bench = new Bench(env, () => chosen, () => at.training, emit);
  return { lab: new KernelLab(env, () => chosen, bench, emit), events, opened, bench, get training() { return at.training; }, set training(is) { at.training = is; } };
}

const textOf = (lab: KernelLab, kernel: string): KernelText => {
  const { variants } = lab.list().kernels.find(({ name }) => name === kernel)!;
  return { kernel, variant: variants[0]!.name, source: variants[0]!.source };
};

describe("the kernel lab", () => {
  it("tries a text on a device of its own, says how far it is, and keeps that device for the next", async () => {
    const { lab, events, opened } = await newLab();
    const text = textOf(lab, "lossSum");
    const verdict = await lab.try(text, false);
    expect(verdict).toMatchObject({ kernel: "lossSum", errors: [], right: true });
    const told = events.flatMap((event) => (event.type === "lab" && event.row !== undefined ? [event.row] : []));
    expect(told).toEqual(verdict.rows);
    await lab.try(text, false);
    expect(opened).toHaveLength(1);
    lab.close();
  });

  it("opens another device where its own was lost, and says what was lost", async () => {
    const { lab, opened } = await newLab();
    const text = textOf(lab, "lossSum");
    await lab.try(text, false);
    opened[0]!.destroy();
    // A device that the system took away answers nothing more: its next use ends with an error, or it is known to be gone.
    await lab.try(text, false).catch((error: unknown) => expect(String(error)).toMatch(/GPU_LOST|GPU_ERROR|OUT_OF_MEMORY|COMMAND/));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await lab.try(text, false)).right).toBe(true);
    expect(opened).toHaveLength(2);
    lab.close();
  });

  it("refuses to run beside a training, a bench or itself, and runs afterwards", async () => {
    const made = await newLab();
    const text = textOf(made.lab, "lossSum");
    made.training = true;
    await expect(made.lab.try(text, false)).rejects.toThrow(/COMMAND.*A run is training/);
    made.training = false;
    const first = made.lab.try(text, false);
    await expect(made.lab.try(text, false)).rejects.toThrow(/running already/);
    await expect(made.bench.run({ suites: ["softmax"] }, {})).rejects.toThrow(/running already/);
    expect((await first).right).toBe(true);
    made.lab.close();
  });

  it("trains with no text that is not right first", async () => {
    const { lab, events } = await newLab();
    const text = textOf(lab, "lossSum");
    const { verdict, parity } = await lab.train({ ...text, source: text.source.replace("  out[0] += ", "  out[0] += 2.0 * ") });
    expect([verdict.right, parity]).toEqual([false, null]);
    expect(events.some((event) => event.type === "lab" && event.what === "training steps")).toBe(false);
    lab.close();
  });

  it.each<[string, unknown]>([
    ["nothing", undefined],
    ["a text past its limit", { kernel: "softmax", variant: "thread-per-row", source: "x".repeat(MOST_KERNEL_TEXT + 1) }],
    ["no text", { kernel: "softmax", variant: "thread-per-row", source: 3 }],
    ["an empty text", { kernel: "softmax", variant: "thread-per-row", source: "" }],
    ["letters that nobody sees", { kernel: "softmax", variant: "thread-per-row", source: "fn main() {} // \u202e" }],
    ["a kernel that is a path", { kernel: "../softmax", variant: "thread-per-row", source: "x" }],
    ["a kernel of the prototype", { kernel: "__proto__", variant: "constructor", source: "x" }],
    ["a variant that is not there", { kernel: "softmax", variant: "none", source: "x" }],
  ])("refuses %s before anything is compiled", async (_what, given) => {
    const { lab } = await newLab();
    await expect((async () => lab.try(given as KernelText, false))()).rejects.toThrow(/^\[COMMAND\]/);
    lab.close();
  });

  it("shows the texts on the CPU backend, and says there that nothing can be tried", async () => {
    const { api } = await startTestEngine();
    const { kernels, blocked } = await api.listKernels();
    expect(blocked).toContain("needs WebGPU");
    const gelu = kernels.find(({ name }) => name === "geluBackward")!;
    expect(gelu).toMatchObject({ trains: true });
    // The very text that is compiled: snippets in their places, constants apart.
    expect(gelu.variants[1]).toMatchObject({ name: "vec4", header: "const WIDTH: u32 = 4u;\n", unusable: "" });
    expect(gelu.variants[1]!.source).toMatch(/fn linear_workgroup_id[\s\S]*fn main/);
    expect(kernels.find(({ name }) => name === "softmax")).toMatchObject({ trains: false });
    await expect(api.tryKernel({ kernel: "geluBackward", variant: "vec4", source: gelu.variants[1]!.source }, false)).rejects.toThrow(/COMMAND.*needs WebGPU/);
    await api.dispose();
  });
});
