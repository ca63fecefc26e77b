/** Picks the device: a real GPU where there is one, else the CPU; the software adapter only when asked for. Says which and why. */
import { NestlingError } from "../core/errors.ts";
import { createCpuDevice } from "../device/cpu/cpu-device.ts";
import type { Device } from "../device/types.ts";
import { createWebGpuDevice } from "../device/webgpu/webgpu-device.ts";
import type { BackendChoice, DeviceReport } from "../protocol/messages.ts";
import type { Environment } from "./environment.ts";
import { openThreads } from "./threads.ts";

const WANTED_FEATURES: readonly GPUFeatureName[] = ["timestamp-query", "subgroups", "shader-f16"];
/** Asked for as high as the adapter goes: larger models fit. Everything else stays at the specification's default. */
const WANTED_LIMITS = ["maxBufferSize", "maxStorageBufferBindingSize"] as const;

export interface ChosenDevice {
  readonly device: Device;
  readonly report: DeviceReport;
}

type Refusal = { readonly why: string };

async function findAdapter(env: Environment, allowFallback: boolean): Promise<GPUAdapter | Refusal> {
  if (!env.secureContext) return { why: "WebGPU needs https or localhost, and this page came over plain http" };
  if (!env.gpu) return { why: "this browser has no WebGPU" };
  const adapter = await env.gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) return { why: "WebGPU found no graphics adapter on this machine" };
  if (adapter.info.isFallbackAdapter && !allowFallback) {
    return { why: "the only WebGPU adapter is a software one, which the CPU backend outruns" };
  }
  return adapter;
}

async function openGpu(adapter: GPUAdapter, onLost: (message: string) => void): Promise<ChosenDevice> {
  const features = WANTED_FEATURES.filter((feature) => adapter.features.has(feature));
  const requiredLimits = Object.fromEntries(WANTED_LIMITS.map((name) => [name, adapter.limits[name]]));
  const gpu = await adapter.requestDevice({ requiredFeatures: features, requiredLimits });
  const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
  const name = [description, device, [vendor, architecture].filter(Boolean).join(" ")].find((text) => text) ?? "WebGPU adapter";
  return {
    device: createWebGpuDevice(gpu, { onLost, softwareAdapter: isFallbackAdapter }),
    report: {
      kind: "webgpu", name, fallbackAdapter: isFallbackAdapter, features,
      why: isFallbackAdapter ? "A software adapter, taken because WebGPU was asked for." : "A graphics adapter was found.",
      limits: limitsOf(gpu.limits),
    },
  };
}

/** Another device on the adapter of one that was chosen: what happens to it does not happen to that one. @throws NestlingError GPU_MISSING */
export async function anotherDevice({ report }: ChosenDevice, env: Environment, onLost: (message: string) => void): Promise<Device> {
  const adapter = await findAdapter(env, report.fallbackAdapter);
  if ("why" in adapter) throw new NestlingError("GPU_MISSING", `No other device could be opened, since ${adapter.why}. Reload the page; what was saved is kept.`, { why: adapter.why });
  return (await openGpu(adapter, onLost)).device;
}

/** A module of one function, f32x4.relaxed_madd of three zeros: valid where the engine has relaxed SIMD. */
const RELAXED_PROBE = Uint8Array.of(
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0,
  0x0a, 0x13, 1, 0x11, 0, 0x41, 0, 0xfd, 0x0f, 0x41, 0, 0xfd, 0x0f, 0x41, 0, 0xfd, 0x0f, 0xfd, 0x85, 2, 0x0b,
);

async function openCpu(env: Environment, because: string, onThreadsLost: (why: string) => void): Promise<ChosenDevice> {
  // The copy has a plain ArrayBuffer behind it, which compile() asks for.
  const compiled = async (file: string): Promise<WebAssembly.Module> => WebAssembly.compile((await env.fetchFile(file)).slice().buffer);
  // Plain comes along: a run that was trained with it goes on with it.
  const fused = WebAssembly.validate(RELAXED_PROBE);
  const builds = async (suffix: string): Promise<{ plain: WebAssembly.Module; relaxed?: WebAssembly.Module }> => {
    const [plain, relaxed] = await Promise.all([compiled(`kernels${suffix}.wasm`), fused ? compiled(`kernels-relaxed${suffix}.wasm`) : undefined]);
    return relaxed ? { plain, relaxed } : { plain };
  };
  const { plain: wasm, relaxed } = await builds("");
  const { pool, why: ofThreads } = env.threads ? await openThreads(env.threads, () => builds("-shared"), onThreadsLost) : { pool: null, why: "" };
  const device = createCpuDevice({ wasm, ...(relaxed ? { relaxed } : {}), ...(pool ? { pool } : {}) });
  const { threads } = device;
  const name = `CPU, WebAssembly SIMD${threads > 1 ? `, ${threads} threads` : ""}`;
  const why = ofThreads ? `${because} ${ofThreads}` : because;
  return {
    device,
    report: { kind: "cpu", name, why, threads, fallbackAdapter: false, features: [...device.features], limits: { maxTotalBytes: device.limits.maxTotalBytes } },
  };
}

/** @throws NestlingError GPU_MISSING when WebGPU was asked for by name and there is none */
export async function chooseDevice(choice: BackendChoice, env: Environment, onLost: (message: string) => void, onThreadsLost: (why: string) => void = () => {}): Promise<ChosenDevice> {
  if (choice === "cpu") return openCpu(env, "The CPU backend was asked for.", onThreadsLost);
  const adapter = await findAdapter(env, choice === "webgpu");
  if (!("why" in adapter)) return openGpu(adapter, onLost);
  if (choice === "webgpu") throw new NestlingError("GPU_MISSING", `WebGPU was asked for, but ${adapter.why}. Use the CPU backend, or another browser or machine.`, { why: adapter.why });
  return openCpu(env, `On the CPU, since ${adapter.why}.`, onThreadsLost);
}

/** Every limit by its name: they are getters of the prototype, which only a loop over all names finds. */
function limitsOf(limits: GPUSupportedLimits): Record<string, number> {
  const found: Record<string, number> = {};
  for (const name in limits) {
    const value = limits[name as keyof GPUSupportedLimits];
    if (typeof value === "number") found[name] = value;
  }
  return found;
}
