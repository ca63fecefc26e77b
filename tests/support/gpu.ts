/**
 * Where a test gets its GPUDevice: the browser's own in Chromium, Dawn through the `webgpu` package in Node (on the
 * software adapter where the machine has no GPU). Not the engine's device: src/device/webgpu is built on what this gives.
 */

export interface GpuRequest {
  /** Dawn toggles switched on for this device, such as "disable_robustness"; Node only, in Chromium they are launch flags. */
  readonly toggles?: readonly string[];
  /** Features to ask for; one that the adapter lacks is an error. Limits are always the specification's defaults. */
  readonly features?: readonly GPUFeatureName[];
}

const ICD = "vk_swiftshader_icd.json";
const LOADER = "libvulkan.so.1";
const RTLD_NOW = 2;
const RTLD_NODELETE = 0x1000;

const instances: GPU[] = []; // Dawn's instance must outlive its devices
const devices = new Map<string, Promise<GPUDevice>>();

/** The folder of the software Vulkan driver that ships beside a Chromium, or undefined. */
async function softwareDriverFolder(): Promise<string | undefined> {
  const { existsSync, readdirSync } = await import(/* @vite-ignore */ "node:fs");
  const { dirname, join } = await import(/* @vite-ignore */ "node:path");
  const { homedir } = await import(/* @vite-ignore */ "node:os");
  const folders = ["/usr/lib/chromium", "/usr/lib/chromium-browser", "/opt/google/chrome"];
  const named = process.env["PUPPETEER_EXECUTABLE_PATH"];
  if (named) folders.unshift(dirname(named));
  const cache = join(process.env["PUPPETEER_CACHE_DIR"] ?? join(homedir(), ".cache", "puppeteer"), "chrome");
  if (existsSync(cache)) {
    for (const version of readdirSync(cache))
      for (const build of readdirSync(join(cache, version))) folders.push(join(cache, version, build));
  }
  return folders.find((folder) => existsSync(join(folder, ICD)));
}

/**
 * Points Dawn at the software driver, unless the environment names another. A machine without Vulkan has no loader library
 * either: the one beside the driver is loaded by its path first, so that Dawn finds it by its name.
 */
async function useSoftwareDriver(): Promise<void> {
  if (process.platform !== "linux") return;
  const { existsSync } = await import(/* @vite-ignore */ "node:fs");
  const { dirname, join } = await import(/* @vite-ignore */ "node:path");
  const named = process.env["VK_ICD_FILENAMES"];
  const folder = named ? dirname(named) : await softwareDriverFolder();
  if (!folder) return;
  if (!named) process.env["VK_ICD_FILENAMES"] = join(folder, ICD);
  const systemFolders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib"];
  const loader = join(folder, LOADER);
  if (systemFolders.some((system) => existsSync(join(system, LOADER))) || !existsSync(loader)) return;
  try {
    process.dlopen({ exports: {} }, loader, RTLD_NOW | RTLD_NODELETE);
  } catch {
    // Always: it is no Node addon. It stays loaded all the same, which is what was wanted.
  }
}

async function openGpu(toggles: readonly string[]): Promise<GPU> {
  if (typeof navigator !== "undefined" && navigator.gpu) return navigator.gpu;
  await useSoftwareDriver();
  const { create, globals } = (await import(/* @vite-ignore */ "webgpu")) as { create(options: string[]): GPU; globals: object };
  Object.assign(globalThis, globals);
  const gpu = create(toggles.length > 0 ? [`enable-dawn-features=${toggles.join(",")}`] : []);
  instances.push(gpu);
  return gpu;
}

async function requestDevice({ toggles = [], features = [] }: GpuRequest): Promise<GPUDevice> {
  const gpu = await openGpu(toggles);
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) {
    throw new Error(`No WebGPU adapter. In Node set VK_ICD_FILENAMES to a Vulkan driver, for instance the ${ICD} beside a Chromium.`);
  }
  return adapter.requestDevice({ requiredFeatures: [...features] });
}

/** A device with the specification's default limits; the same one for the same request, since pipelines are slow to compile. */
export function gpuDevice(request: GpuRequest = {}): Promise<GPUDevice> {
  const key = JSON.stringify([request.toggles ?? [], request.features ?? []]);
  let device = devices.get(key);
  if (!device) devices.set(key, (device = requestDevice(request)));
  return device;
}

/** A device that nobody else holds: for tests that lose or destroy it. */
export const freshGpuDevice = (request: GpuRequest = {}): Promise<GPUDevice> => requestDevice(request);
