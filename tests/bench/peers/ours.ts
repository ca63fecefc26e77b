/** The contender that this project is: the trainer and kernels that train, on the device that the page would take for a backend. */
import { attention } from "../../../src/kernels/attention.ts";
import { attentionBackwardKV } from "../../../src/kernels/attention-backward-kv.ts";
import { attentionBackwardQ } from "../../../src/kernels/attention-backward-q.ts";
import { layernorm } from "../../../src/kernels/layernorm.ts";
import { matmulNN, matmulNT, matmulTN } from "../../../src/kernels/matmul.ts";
import { softmax } from "../../../src/kernels/softmax.ts";
import { REFERENCE_BATCH, REFERENCE_CONFIGS, REFERENCE_OPTIMIZER, referenceSource, referenceStage, referenceWeights } from "../../../src/bench/reference.ts";
import type { Device } from "../../../src/device/types.ts";
import { chooseDevice } from "../../../src/engine/choose-device.ts";
import { workerEnvironment } from "../../../src/engine/environment.ts";
import type { Threads } from "../../../src/engine/threads.ts";
import { Recorder } from "../../../src/plan/recorder.ts";
import { elements, newTensor, type Tensor } from "../../../src/plan/tensor.ts";
import { chooseVariant } from "../../../src/plan/variants.ts";
import { FULL_MS } from "../../../src/training/pacing.ts";
import { recordTraining } from "../../../src/training/programs.ts";
import { Trainer } from "../../../src/training/trainer.ts";
import type { KernelCase } from "./cases.ts";
import { attentionInputs, DATA_STEPS, referenceText, uniform, type Contender, type Operation } from "./contender.ts";

const EPSILON = 1e-5;

interface Recorded {
  readonly recorder: Recorder;
  readonly values: ReadonlyMap<Tensor, Float32Array>;
  readonly result: Tensor;
  /** What is read back, in the order that the contenders share. */
  readonly ordered?: (values: Float32Array) => Float32Array;
}

const f32 = (name: string, ...shape: number[]): Tensor => newTensor(name, shape, "inputs");

/** (B, T, H, D) each, side by side in a row of 3 H D. */
function packed(parts: readonly Float32Array[], rows: number, width: number): Float32Array {
  const out = new Float32Array(parts.length * rows * width);
  parts.forEach((part, i) => {
    for (let n = 0; n < rows; n++) out.set(part.subarray(n * width, (n + 1) * width), (n * parts.length + i) * width);
  });
  return out;
}

function unpacked(values: Float32Array, rows: number, width: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let i = 0; i < 3; i++) for (let n = 0; n < rows; n++) out.set(values.subarray((n * 3 + i) * width, (n * 3 + i + 1) * width), (i * rows + n) * width);
  return out;
}

function attentionLaunches(recorder: Recorder, kernel: Extract<KernelCase, { B: number }>): Recorded {
  const { B, T, H, D } = kernel;
  const N = B * T;
  const width = H * D;
  const dims = { B, T, NH: H, NKV: H, HS: D };
  const [q, k, v, gradient] = attentionInputs(kernel);
  const qkv = f32("qkv", N, 3 * width);
  // All zero, as a fresh buffer is: each sequence is one document.
  const start = newTensor("start", [N], "inputs", "u32");
  const [out, dout] = [f32("out", N, width), f32("dout", N, width)];
  const [lse, delta] = [f32("lse", N, H), f32("delta", N, H)];
  const dqkv = f32("dqkv", N, 3 * width);
  const values = new Map([[qkv, packed([q!, k!, v!], N, width)], [dout, gradient!]]);
  recorder.launch(attention, { qkv, start, out, lse }, dims);
  if (kernel.kind === "attention") return { recorder, values, result: out };
  recorder.launch(attentionBackwardQ, { qkv, start, out, dout, lse, delta, dqkv }, dims);
  recorder.launch(attentionBackwardKV, { qkv, start, dout, lse, delta, dqkv }, dims);
  return { recorder, values, result: dqkv, ordered: (read) => unpacked(read, N, width) };
}

function recorded(kernel: KernelCase): Recorded {
  const recorder = new Recorder("bench", false);
  if (kernel.kind === "matmul") {
    const { form, M, N, K } = kernel;
    const [a, b, out] = [f32("a", M, K), f32("b", K, N), f32("out", M, N)];
    recorder.launch({ NN: matmulNN, NT: matmulNT, TN: matmulTN }[form], { a, b, out }, { M, N, K, accumulate: 0, alpha: 1 });
    return { recorder, values: new Map([[a, uniform(M * K, 1)], [b, uniform(K * N, 2)]]), result: out };
  }
  if ("B" in kernel) return attentionLaunches(recorder, kernel);
  const { rows: N, columns: C } = kernel;
  const [inp, out] = [f32("inp", N, C), f32("out", N, C)];
  const values = new Map([[inp, uniform(N * C, 3)]]);
  if (kernel.kind === "softmax") recorder.launch(softmax, { inp, out }, { N, C });
  else {
    const [weight, bias, mean, rstd] = [f32("weight", C), f32("bias", C), f32("mean", N), f32("rstd", N)];
    values.set(weight, new Float32Array(C).fill(1));
    recorder.launch(layernorm, { inp, weight, bias, out, mean, rstd }, { N, C, eps: EPSILON });
  }
  return { recorder, values, result: out };
}

async function operation(device: Device, kernel: KernelCase): Promise<Operation> {
  const { recorder, values, result, ordered } = recorded(kernel);
  const tensors = [...new Set(recorder.launches.flatMap((launch) => launch.tensors))];
  const heap = await device.allocate(tensors.map(({ name, shape }) => ({ label: name, sizeBytes: 4 * elements(shape) })));
  const viewOf = (tensor: Tensor): { buffer: (typeof heap.buffers)[number]; offsetBytes: number; sizeBytes: number } => ({
    buffer: heap.buffers[tensors.indexOf(tensor)]!, offsetBytes: 0, sizeBytes: 4 * elements(tensor.shape),
  });
  // A heap may come with what an earlier one left in it.
  for (const tensor of tensors) device.write(viewOf(tensor), values.get(tensor) ?? new Uint32Array(elements(tensor.shape)));
  const program = await device.prepare("bench", recorder.launches.map((launch) => ({
    label: launch.label, kernel: launch.kernel, dims: launch.dims, views: launch.tensors.map(viewOf), variant: device.kind === "cpu" ? 0 : chooseVariant(device, launch, {}),
  })));
  return {
    async repeat(count) {
      // Each run is a call of its own, as it is for the others; what they allocate and bind anew for each, this project did once.
      for (let run = 0; run < count; run++) device.submit([{ kind: "run", program }]);
      await device.finished();
    },
    async output() {
      device.submit([{ kind: "run", program }]);
      const read = new Float32Array(await device.read(viewOf(result)));
      return ordered ? ordered(read) : read;
    },
    close() {
      program.destroy();
      heap.destroy();
    },
  };
}

/** @throws NestlingError GPU_MISSING */
export async function open(backend: "webgpu" | "wasm", baseUrl: string, threads?: Threads): Promise<Contender> {
  const lost = (message: string): void => console.error(message);
  const { device, report } = await chooseDevice(backend === "wasm" ? "cpu" : "webgpu", workerEnvironment(() => baseUrl, threads), lost);
  return {
    about: `${report.name}; ${report.features.join(", ")}`,
    async train(name) {
      const programs = recordTraining({
        config: REFERENCE_CONFIGS[name], lora: null, optimizer: REFERENCE_OPTIMIZER, batchSize: REFERENCE_BATCH, maxBindingBytes: device.limits.maxBindingBytes, quiz: false,
      });
      const trainer = await Trainer.create(device, programs, referenceStage(DATA_STEPS), 1, referenceSource(name, await referenceText(baseUrl), DATA_STEPS));
      trainer.loadWeights(referenceWeights(name));
      trainer.pace.limitMs = FULL_MS;
      return {
        async step() {
          const from = performance.now();
          trainer.takeStep();
          const { loss } = (await trainer.readMetrics()).at(-1)!;
          await device.finished();
          trainer.observeStep(performance.now() - from);
          return loss;
        },
        close: () => trainer.destroy(),
      };
    },
    operation: (kernel) => operation(device, kernel),
  };
}
