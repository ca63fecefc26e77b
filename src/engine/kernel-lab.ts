/** The kernel lab behind the protocol: on a device of its own, one thing at a time and never beside a run that trains. Runs no text itself. */
import { NestlingError } from "../core/errors.ts";
import { REFERENCE_TEXT } from "../bench/index.ts";
import { tryKernel, type LabBench, type TrialHooks } from "../bench/lab.ts";
import { shippedKernels } from "../bench/lab-list.ts";
import { trainWith } from "../bench/lab-training.ts";
import { quantumOf } from "../bench/statistics.ts";
import type { Device } from "../device/types.ts";
import { MOST_KERNEL_TEXT, type KernelList, type KernelText, type KernelTrainResult, type KernelVerdict } from "../protocol/kernel-lab.ts";
import { notPlain } from "../protocol/kernel-link.ts";
import type { EngineEventBody } from "../protocol/messages.ts";
import { gunzip, type Bench } from "./bench.ts";
import * as check from "./check.ts";
import { anotherDevice, type ChosenDevice } from "./choose-device.ts";
import type { Environment } from "./environment.ts";

const SAMPLES = 9;
/** Systems reset a GPU after about two seconds; a software adapter on a busy machine is only slow. */
const LAUNCH_LIMIT_MS = 10_000;

export class KernelLab {
  /** Lost or given up, another is opened for the next try: a text that hangs must not take the run's device along. */
  #device: Device | null = null;

  constructor(
    private readonly env: Environment,
    private readonly chosen: () => ChosenDevice,
    private readonly bench: Bench,
    private readonly emit: (body: EngineEventBody) => void,
  ) {}

  #blocked(): string {
    return this.chosen().report.kind === "cpu" ? "The kernel lab needs WebGPU: on the CPU backend a kernel is a function and its WGSL is not run. The texts can be read all the same." : "";
  }

  list(): KernelList {
    return { kernels: shippedKernels(this.chosen().device), blocked: this.#blocked() };
  }

  /** @throws NestlingError COMMAND for a text that is none, on the CPU backend, or while something else runs; GPU_LOST, CANCELLED */
  try(given: KernelText, timed: boolean): Promise<KernelVerdict> {
    const text = checked(given);
    return this.#alone((bench) => tryKernel(bench, text, timed === true, this.#hooks()));
  }

  train(given: KernelText): Promise<KernelTrainResult> {
    const text = checked(given);
    return this.#alone(async (bench) => {
      const verdict = await tryKernel(bench, text, false, this.#hooks());
      if (!verdict.right) return { verdict, parity: null };
      const bytes = await gunzip(await this.env.fetchFile(REFERENCE_TEXT));
      return { verdict, parity: await trainWith(bench, text, bytes, (done, total) => this.emit({ type: "lab", what: "training steps", done, total })) };
    });
  }

  close(): void {
    this.#device?.destroy();
    this.#device = null;
  }

  #hooks(): TrialHooks {
    return {
      onNext: (what, done, total) => this.emit({ type: "lab", what, done, total }),
      onRow: (row, done, total) => this.emit({ type: "lab", row, done, total }),
    };
  }

  async #alone<T>(body: (bench: LabBench) => Promise<T>): Promise<T> {
    const blocked = this.#blocked();
    if (blocked !== "") throw new NestlingError("COMMAND", blocked);
    return this.bench.alone(async (shouldStop) => {
      const device = (this.#device ??= await anotherDevice(this.chosen(), this.env, () => (this.#device = null)));
      const { now, breathe } = this.env;
      try {
        return await body({
          device, samples: SAMPLES, limitMs: LAUNCH_LIMIT_MS,
          clock: {
            now, breathe, quantumMs: quantumOf(now),
            check: () => {
              if (shouldStop()) throw new NestlingError("CANCELLED", "The lab was stopped; what was tried so far is shown.");
            },
          },
        });
      } catch (error) {
        if (error instanceof NestlingError && error.code === "GPU_LOST") this.close();
        throw error;
      }
    });
  }
}

function checked(given: KernelText): KernelText {
  const source = check.text("source", given?.source, MOST_KERNEL_TEXT);
  const odd = notPlain(source);
  if (odd !== "") throw new NestlingError("COMMAND", `The text cannot be compiled: ${odd}`, { name: "source" });
  return { kernel: check.id("kernel", given.kernel), variant: check.id("variant", given.variant), source };
}
