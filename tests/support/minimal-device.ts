/**
 * The least that can launch a kernel on a GPUDevice through the device interface: no ring of staging buffers, no profile,
 * no recovery. Kernels are checked on it so that a fault here and a fault in src/device/webgpu are not the same fault.
 */
import type { AnyKernel, Command, Device, DeviceBuffer, Heap, Launch, Program, View } from "../../src/device/types.ts";

const MAX_GROUPS = 65_535;

class PlainBuffer implements DeviceBuffer {
  constructor(
    readonly label: string,
    readonly sizeBytes: number,
    readonly gpu: GPUBuffer,
  ) {}
}

interface Ready {
  readonly pipeline: GPUComputePipeline;
  readonly groups: readonly [GPUBindGroup, GPUBindGroup];
  readonly grid: readonly [number, number];
}

const gpuOf = (buffer: DeviceBuffer): GPUBuffer => {
  if (!(buffer instanceof PlainBuffer)) throw new Error(`${buffer.label} belongs to another device`);
  return buffer.gpu;
};

export function createMinimalDevice(gpu: GPUDevice): Device {
  const pipelines = new Map<string, Promise<GPUComputePipeline>>();
  const ready = new Map<Program, readonly Ready[]>();
  let failure: Error | null = null;
  gpu.addEventListener("uncapturederror", (event) => {
    failure ??= new Error(event.error.message);
  });

  const layoutOf = (kernel: AnyKernel): GPUBindGroupLayout[] => [
    gpu.createBindGroupLayout({
      entries: Object.values(kernel.bindings).map((spec, binding) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: spec.startsWith("read") && !spec.startsWith("readwrite") ? "read-only-storage" : "storage" },
      })),
    }),
    gpu.createBindGroupLayout({ entries: [{ binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: "uniform" } }] }),
  ];

  async function compile(kernel: AnyKernel, variant: number, header: string): Promise<GPUComputePipeline> {
    const code = header + kernel.variants[variant]!.wgsl;
    const module = gpu.createShaderModule({ label: kernel.name, code });
    const messages = (await module.getCompilationInfo()).messages.filter((message) => message.type === "error");
    if (messages.length > 0) {
      const first = messages[0]!;
      throw new Error(`${kernel.name}: ${first.message} at line ${first.lineNum}: ${code.split("\n")[first.lineNum - 1] ?? ""}`);
    }
    return gpu.createComputePipelineAsync({
      label: kernel.name,
      layout: gpu.createPipelineLayout({ bindGroupLayouts: layoutOf(kernel) }),
      compute: { module, entryPoint: "main" },
    });
  }

  async function makeReady({ kernel, variant, views, dims }: Launch): Promise<Ready> {
    const names = Object.keys(kernel.dims);
    const values = Object.fromEntries(names.map((name, i) => [name, dims[i]!]));
    const chosen = kernel.variants[variant]!;
    const header = Object.entries(chosen.constants?.(values) ?? {}).map(([name, value]) => `const ${name}: u32 = ${value};\n`).join("");
    const key = `${kernel.name} ${variant} ${header}`;
    let pipeline = pipelines.get(key);
    if (!pipeline) pipelines.set(key, (pipeline = compile(kernel, variant, header)));
    const data = new DataView(new ArrayBuffer(Math.ceil(names.length / 4) * 16));
    names.forEach((name, i) => (kernel.dims[name] === "f32" ? data.setFloat32(4 * i, dims[i]!, true) : data.setUint32(4 * i, dims[i]!, true)));
    const uniform = gpu.createBuffer({ size: data.byteLength, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
    gpu.queue.writeBuffer(uniform, 0, data.buffer);
    const layouts = layoutOf(kernel);
    const entries = views.map((view, binding) => ({
      binding,
      resource: { buffer: gpuOf(view.buffer), offset: view.offsetBytes, size: view.sizeBytes },
    }));
    const groups = chosen.workgroups(values);
    const width = Math.min(groups, MAX_GROUPS);
    return {
      pipeline: await pipeline,
      groups: [
        gpu.createBindGroup({ layout: layouts[0]!, entries }),
        gpu.createBindGroup({ layout: layouts[1]!, entries: [{ binding: 0, resource: { buffer: uniform } }] }),
      ],
      grid: [width, width === 0 ? 0 : Math.ceil(groups / width)],
    };
  }

  const write = (view: View, data: ArrayBufferView): void =>
    gpu.queue.writeBuffer(gpuOf(view.buffer), view.offsetBytes, data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);

  function encode(encoder: GPUCommandEncoder, command: Command): void {
    if (command.kind === "fill") {
      throw new Error("the minimal device has no fill: write the values");
    } else if (command.kind === "copy") {
      const { from, to } = command;
      encoder.copyBufferToBuffer(gpuOf(from.buffer), from.offsetBytes, gpuOf(to.buffer), to.offsetBytes, from.sizeBytes);
    } else {
      const first = command.first ?? 0;
      const pass = encoder.beginComputePass();
      for (const { pipeline, groups, grid } of ready.get(command.program)!.slice(first, first + (command.count ?? Infinity))) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, groups[0]);
        pass.setBindGroup(1, groups[1]);
        pass.dispatchWorkgroups(grid[0], grid[1]);
      }
      pass.end();
    }
  }

  return {
    kind: "webgpu",
    limits: { maxBufferBytes: gpu.limits.maxBufferSize, maxBindingBytes: gpu.limits.maxStorageBufferBindingSize, maxTotalBytes: Infinity },
    features: new Set([...gpu.features]),
    allocate: async (requests): Promise<Heap> => {
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
      const buffers = requests.map(({ label, sizeBytes }) => new PlainBuffer(label, sizeBytes, gpu.createBuffer({ label, size: sizeBytes, usage })));
      return {
        buffers,
        sizeBytes: buffers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
        destroy: () => buffers.forEach((buffer) => buffer.gpu.destroy()),
      };
    },
    write,
    read: async (view) => {
      const staging = gpu.createBuffer({ size: view.sizeBytes, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
      const encoder = gpu.createCommandEncoder();
      encoder.copyBufferToBuffer(gpuOf(view.buffer), view.offsetBytes, staging, 0, view.sizeBytes);
      gpu.queue.submit([encoder.finish()]);
      await staging.mapAsync(GPUMapMode.READ);
      const copy = staging.getMappedRange().slice(0);
      staging.destroy();
      return copy;
    },
    prepare: async (label, launches) => {
      const program: Program = { label, launches };
      ready.set(program, await Promise.all(launches.map(makeReady)));
      return program;
    },
    submit: (commands) => {
      const encoder = gpu.createCommandEncoder();
      for (const command of commands) encode(encoder, command);
      gpu.queue.submit([encoder.finish()]);
    },
    finished: async () => {
      await gpu.queue.onSubmittedWorkDone();
      const error = failure;
      failure = null;
      if (error) throw error;
    },
    takeError: () => {
      const error = failure;
      failure = null;
      return error;
    },
    destroy: () => gpu.destroy(),
  };
}
