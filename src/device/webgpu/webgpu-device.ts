/**
 * The WebGPU device: buffers, bind groups and pipelines made once, commands encoded on submit. It neither picks an adapter
 * (`adapter.ts`) nor decides how much work one submit holds.
 */
import { NestlingError } from "../../core/errors.ts";
import { alignUp, checkLaunch, dimsOf, variantOf } from "../launch.ts";
import type { Command, Device, DeviceBuffer, Heap, Launch, Program, View } from "../types.ts";
import { answered, gpuLost } from "./lost.ts";
import { DIMS_BYTES, type Pipelines, pipelinesOf } from "./pipelines.ts";
import { Timestamps } from "./timestamps.ts";

const DIMS_SLOT_BYTES = 256;
const FILL_CHUNK_BYTES = 1 << 20;
/** A map that takes longer than this is a lost device that did not say so. */
const MAP_TIMEOUT_MS = 60_000;

export interface WebGpuDeviceOptions {
  /** Tests: fill new buffers with this word instead of the zeros that WebGPU gives. */
  readonly poison?: number;
  /** `adapter.info.isFallbackAdapter`. */
  readonly softwareAdapter?: boolean;
  /** Called once when the device is lost for another reason than `destroy()`. */
  readonly onLost?: (message: string) => void;
}

class WebGpuBuffer implements DeviceBuffer {
  constructor(
    readonly label: string,
    readonly sizeBytes: number,
    readonly gpu: GPUBuffer,
  ) {}
}

interface BoundLaunch {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly x: number;
  readonly y: number;
}

class WebGpuProgram implements Program {
  constructor(
    readonly label: string,
    readonly launches: readonly Launch[],
    readonly bound: readonly BoundLaunch[],
    readonly dimsGroup: GPUBindGroup,
    readonly uniform: GPUBuffer,
  ) {}

  destroy(): void {
    this.uniform.destroy();
  }
}

const gpuOf = (view: View): GPUBuffer => (view.buffer as WebGpuBuffer).gpu;

/** Folds a count of workgroups to two dimensions, each at most `max`. */
export function foldGrid(workgroups: number, max = 65_535): { x: number; y: number } {
  const y = Math.max(1, Math.ceil(workgroups / max));
  return { x: Math.ceil(workgroups / y), y };
}

/** @throws NestlingError KERNEL_DIMS where even two dimensions do not hold so many workgroups */
function gridOf(launch: Launch, max: number): { x: number; y: number } {
  const workgroups = variantOf(launch).workgroups(dimsOf(launch));
  const grid = foldGrid(workgroups, max);
  if (Number.isInteger(workgroups) && workgroups >= 0 && grid.y <= max) return grid;
  throw new NestlingError("KERNEL_DIMS", `${launch.label}: ${workgroups} workgroups asked for; one launch has a whole number of them, at most ${max} x ${max}. Use a smaller batch, context or width.`, { asked: workgroups, allowed: max * max });
}

class WebGpuDevice implements Device {
  readonly kind = "webgpu";
  readonly limits;
  readonly features: ReadonlySet<string>;
  readonly barriersAreDear: boolean;
  readonly #pipelines: Pipelines;
  readonly #fillSources = new Map<number, GPUBuffer>();
  readonly #staging: GPUBuffer[] = [];
  #scopes: Promise<void>[] = [];
  #error: Error | null = null;
  #destroyed = false;
  #timestamps: Timestamps | null = null;
  readonly submitTimed?: Device["submitTimed"];

  constructor(
    readonly gpu: GPUDevice,
    readonly options: WebGpuDeviceOptions,
  ) {
    this.#pipelines = pipelinesOf(gpu);
    this.features = new Set(gpu.features);
    this.barriersAreDear = options.softwareAdapter ?? false;
    this.limits = {
      maxBufferBytes: gpu.limits.maxBufferSize,
      maxBindingBytes: Math.floor(gpu.limits.maxStorageBufferBindingSize / 4) * 4,
      // WebGPU says nothing of the memory there is. Four of the largest buffers is what a desktop GPU has about (2 GiB of 8),
      // and a model past it would end in a lost device rather than in a sentence.
      maxTotalBytes: 4 * gpu.limits.maxBufferSize,
    };
    if (gpu.features.has("timestamp-query")) {
      this.submitTimed = (commands) => {
        const timestamps = (this.#timestamps ??= new Timestamps(gpu));
        this.#submit(commands, timestamps);
        return () => answered(gpu, timestamps.read());
      };
    }
    gpu.addEventListener("uncapturederror", (event) => this.#record(new NestlingError("GPU_ERROR", event.error.message)));
    void gpu.lost.then((info) => {
      if (this.#destroyed) return;
      this.#record(gpuLost(info.message));
      options.onLost?.(info.message);
    });
  }

  #record(error: Error): void {
    this.#error ??= error;
  }

  async allocate(requests: readonly { label: string; sizeBytes: number }[]): Promise<Heap> {
    const made = await this.#create(requests, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST);
    if (this.options.poison !== undefined) {
      this.submit(made.map((buffer) => ({ kind: "fill", view: { buffer, offsetBytes: 0, sizeBytes: buffer.sizeBytes }, value: this.options.poison! })));
    }
    const sizeBytes = made.reduce((sum, buffer) => sum + buffer.sizeBytes, 0);
    return { buffers: made, sizeBytes, destroy: () => made.forEach((buffer) => buffer.gpu.destroy()) };
  }

  /** All or none. @throws NestlingError OUT_OF_MEMORY */
  async #create(requests: readonly { label: string; sizeBytes: number }[], usage: number): Promise<WebGpuBuffer[]> {
    const made: WebGpuBuffer[] = [];
    this.gpu.pushErrorScope("validation");
    this.gpu.pushErrorScope("out-of-memory");
    let thrown: unknown = null;
    try {
      for (const { label, sizeBytes } of requests) {
        const size = alignUp(sizeBytes);
        made.push(new WebGpuBuffer(label, size, this.gpu.createBuffer({ label, size, usage })));
      }
    } catch (error) {
      thrown = error;
    }
    // Both at once: an await between them would let another call's scope in. They reject when the device is lost, which says so itself.
    const scopes = await Promise.all([this.gpu.popErrorScope(), this.gpu.popErrorScope()]).catch(() => []);
    const failed = scopes.find((error) => error) ?? thrown;
    if (!failed) return made;
    made.forEach((buffer) => buffer.gpu.destroy());
    const asked = requests.reduce((sum, request) => sum + alignUp(request.sizeBytes), 0);
    const reason = "message" in Object(failed) ? (failed as Error).message : String(failed);
    throw new NestlingError("OUT_OF_MEMORY", `The GPU refused ${asked} bytes in ${requests.length} buffers (${reason.split("\n")[0]}). All were freed; use a smaller model, batch or context.`, { asked });
  }

  write(view: View, data: ArrayBufferView): void {
    this.gpu.queue.writeBuffer(gpuOf(view), view.offsetBytes, data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  }

  async read(view: View): Promise<ArrayBuffer> {
    const index = this.#staging.findIndex((buffer) => buffer.size >= view.sizeBytes);
    const staging =
      index >= 0
        ? this.#staging.splice(index, 1)[0]!
        : this.gpu.createBuffer({ label: "staging", size: Math.max(4096, 2 ** Math.ceil(Math.log2(view.sizeBytes))), usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    this.gpu.pushErrorScope("validation");
    const encoder = this.gpu.createCommandEncoder({ label: "read" });
    encoder.copyBufferToBuffer(gpuOf(view), view.offsetBytes, staging, 0, view.sizeBytes);
    this.gpu.queue.submit([encoder.finish()]);
    this.#closeScope();
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      const timeout = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new NestlingError("GPU_LOST", `The GPU did not answer a read within ${MAP_TIMEOUT_MS / 1000} s.`)), MAP_TIMEOUT_MS);
      });
      await Promise.race([answered(this.gpu, staging.mapAsync(GPUMapMode.READ, 0, view.sizeBytes)), timeout]);
      const bytes = staging.getMappedRange(0, view.sizeBytes).slice(0);
      staging.unmap();
      this.#staging.push(staging);
      await Promise.all(this.#scopes);
      // One refused launch drops its whole submit: whatever was read may be from before it.
      const error = this.takeError();
      if (error) throw error;
      return bytes;
    } catch (error) {
      throw this.#error ?? error;
    } finally {
      clearTimeout(timer);
    }
  }

  async prepare(label: string, launches: readonly Launch[]): Promise<Program> {
    for (const launch of launches) checkLaunch(launch, this.limits.maxBindingBytes);
    const { gpu } = this;
    const grids = launches.map((launch) => gridOf(launch, gpu.limits.maxComputeWorkgroupsPerDimension));
    const pipelines = await Promise.all(launches.map((launch) => this.#pipelines.pipelineOf(launch)));
    const request = { label: `${label} dims`, sizeBytes: Math.max(1, launches.length) * DIMS_SLOT_BYTES };
    const uniform = (await this.#create([request], GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST))[0]!.gpu;
    const slots = new DataView(new ArrayBuffer(uniform.size));
    gpu.pushErrorScope("validation");
    const bound = launches.map((launch, i): BoundLaunch => {
      Object.values(launch.kernel.dims).forEach((type, d) => {
        const at = i * DIMS_SLOT_BYTES + 4 * d;
        if (type === "f32") slots.setFloat32(at, launch.dims[d]!, true);
        else slots.setUint32(at, launch.dims[d]!, true);
      });
      const group = gpu.createBindGroup({
        label: launch.label,
        layout: this.#pipelines.layoutOf(launch.kernel),
        entries: launch.views.map((view, binding) => ({ binding, resource: { buffer: gpuOf(view), offset: view.offsetBytes, size: view.sizeBytes } })),
      });
      return { pipeline: pipelines[i]!, group, ...grids[i]! };
    });
    gpu.queue.writeBuffer(uniform, 0, slots.buffer);
    const dimsGroup = gpu.createBindGroup({
      label: `${label} dims`,
      layout: this.#pipelines.dimsLayout,
      entries: [{ binding: 0, resource: { buffer: uniform, offset: 0, size: DIMS_BYTES } }],
    });
    const failed = await answered(gpu, gpu.popErrorScope());
    if (failed) {
      uniform.destroy();
      throw new NestlingError("KERNEL_BINDING", `${label}: ${failed.message}`);
    }
    return new WebGpuProgram(label, launches, bound, dimsGroup, uniform);
  }

  submit(commands: readonly Command[]): void {
    this.#submit(commands);
  }

  #submit(commands: readonly Command[], timestamps?: Timestamps): void {
    const encoder = this.gpu.createCommandEncoder();
    this.gpu.pushErrorScope("validation");
    const [first, last] = timestamps ? [commands.findIndex(({ kind }) => kind === "run"), commands.findLastIndex(({ kind }) => kind === "run")] : [-1, -1];
    for (const [i, command] of commands.entries()) {
      if (command.kind === "run") this.#encodeRun(encoder, command.program as WebGpuProgram, command.first ?? 0, command.count, timestamps?.writes(i === first, i === last));
      else if (command.kind === "copy") {
        encoder.copyBufferToBuffer(gpuOf(command.from), command.from.offsetBytes, gpuOf(command.to), command.to.offsetBytes, command.to.sizeBytes);
      } else if (command.value === 0) {
        encoder.clearBuffer(gpuOf(command.view), command.view.offsetBytes, command.view.sizeBytes);
      } else {
        for (let at = 0; at < command.view.sizeBytes; at += FILL_CHUNK_BYTES) {
          const size = Math.min(FILL_CHUNK_BYTES, command.view.sizeBytes - at);
          encoder.copyBufferToBuffer(this.#fillSource(command.value), 0, gpuOf(command.view), command.view.offsetBytes + at, size);
        }
      }
    }
    timestamps?.resolve(encoder);
    this.gpu.queue.submit([encoder.finish()]);
    this.#closeScope();
  }

  /** Ends the open validation scope; what it caught is known once `#scopes` have settled. */
  #closeScope(): void {
    const scope = this.gpu.popErrorScope().then(
      (error) => void (error && this.#record(new NestlingError("GPU_ERROR", error.message))),
      () => {}, // a lost device answers through `lost`
    );
    this.#scopes.push(scope);
    void scope.then(() => (this.#scopes = this.#scopes.filter((other) => other !== scope)));
  }

  #encodeRun(encoder: GPUCommandEncoder, program: WebGpuProgram, first: number, count = program.bound.length - first, timestampWrites?: GPUComputePassTimestampWrites): void {
    const pass = encoder.beginComputePass({ label: program.label, ...(timestampWrites ? { timestampWrites } : {}) });
    let current: GPUComputePipeline | null = null;
    for (let i = first; i < first + count; i++) {
      const { pipeline, group, x, y } = program.bound[i]!;
      if (pipeline !== current) pass.setPipeline((current = pipeline));
      pass.setBindGroup(0, group);
      pass.setBindGroup(1, program.dimsGroup, [i * DIMS_SLOT_BYTES]);
      pass.dispatchWorkgroups(x, y);
    }
    pass.end();
  }

  #fillSource(value: number): GPUBuffer {
    let source = this.#fillSources.get(value);
    if (!source) {
      source = this.gpu.createBuffer({ label: `fill ${value}`, size: FILL_CHUNK_BYTES, usage: GPUBufferUsage.COPY_SRC, mappedAtCreation: true });
      new Uint32Array(source.getMappedRange()).fill(value);
      source.unmap();
      this.#fillSources.set(value, source);
    }
    return source;
  }

  async finished(): Promise<void> {
    await answered(this.gpu, this.gpu.queue.onSubmittedWorkDone());
    await Promise.all(this.#scopes);
    const error = this.takeError();
    if (error) throw error;
  }

  takeError(): Error | null {
    const error = this.#error;
    this.#error = null;
    return error;
  }

  destroy(): void {
    this.#destroyed = true;
    this.#timestamps?.destroy();
    for (const buffer of [...this.#staging, ...this.#fillSources.values()]) buffer.destroy();
    this.gpu.destroy();
  }
}

export function createWebGpuDevice(gpu: GPUDevice, options: WebGpuDeviceOptions = {}): Device {
  return new WebGpuDevice(gpu, options);
}
