/**
 * How large each parameter's gradient was in the step just taken. Each gradient is copied on the device into memory of the meter's
 * own (a launch stays within one heap) and summed there, so nothing of the trainer is written and no bit of training changes.
 */
import type { AnyKernel, Command, Heap, Launch, Program, View } from "../device/types.ts";
import { sumSquares } from "../kernels/sum-squares.ts";
import { familyOf } from "../model/transformer.ts";
import { elements } from "../plan/tensor.ts";
import type { GradientNorms } from "../protocol/messages.ts";
import type { Trainer } from "../training/trainer.ts";

/** Sums of one parameter; 64 floats are a 256-byte step. */
const PARTIALS = 64;

export class GradientMeter {
  private constructor(
    readonly trainer: Trainer,
    readonly heap: Heap,
    readonly program: Program,
  ) {}

  static async open(trainer: Trainer): Promise<GradientMeter> {
    const { device } = trainer.plan;
    const sizes = trainable(trainer).map(({ shape }) => elements(shape));
    const heap = await device.allocate([{ label: "a gradient", sizeBytes: 4 * Math.max(...sizes) }, { label: "gradient norms", sizeBytes: sizes.length * PARTIALS * 4 }]);
    const launches = sizes.map((size, i): Launch => ({
      label: `sumSquares ${trainable(trainer)[i]!.name}`, kernel: sumSquares as unknown as AnyKernel, variant: 0,
      views: [scratch(heap, size), { buffer: heap.buffers[1]!, offsetBytes: i * PARTIALS * 4, sizeBytes: PARTIALS * 4 }], dims: [size, PARTIALS],
    }));
    try {
      return new GradientMeter(trainer, heap, await device.prepare("gradient norms", launches));
    } catch (error) {
      heap.destroy();
      throw error;
    }
  }

  /** Norms (of what lies in the arenas now) by parameter, and of all together. */
  async measure(stageIndex: number, step: number): Promise<GradientNorms> {
    const { trainer, heap, program } = this;
    const { device } = trainer.plan;
    const { config, parameters } = trainer.programs;
    device.submit(trainable(trainer).flatMap(({ name, shape }, first): Command[] => [
      { kind: "copy", from: trainer.plan.view(parameters.get(name).grad!), to: scratch(heap, elements(shape)) },
      { kind: "run", program, first, count: 1 },
    ]));
    const sums = new Float32Array(await device.read({ buffer: heap.buffers[1]!, offsetBytes: 0, sizeBytes: trainable(trainer).length * PARTIALS * 4 }));
    const blocks = Array.from({ length: config.n_layer }, (_, layer) => `${familyOf(config).block(layer)}.`);
    const scale = trainer.gradientScale;
    let total = 0;
    const parts = trainable(trainer).map(({ name, shape }, i) => {
      const square = sums.subarray(i * PARTIALS, (i + 1) * PARTIALS).reduce((sum, x) => sum + x, 0);
      total += square;
      const layer = blocks.findIndex((block) => name.startsWith(block));
      return { name, layer: layer < 0 ? null : layer, norm: Math.sqrt(square) / scale, parameters: elements(shape) };
    });
    return { stageIndex, step, total: Math.sqrt(total) / scale, parts };
  }

  destroy(): void {
    this.program.destroy();
    this.heap.destroy();
  }
}

const trainable = (trainer: Trainer): Trainer["programs"]["parameters"]["specs"] => trainer.programs.parameters.specs.filter((spec) => spec.trainable);

const scratch = (heap: Heap, size: number): View => ({ buffer: heap.buffers[0]!, offsetBytes: 0, sizeBytes: 4 * size });
