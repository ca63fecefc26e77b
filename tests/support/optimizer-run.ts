/** The update of a step as a plan launches it (norm, decision, AdamW by arena), on any device, with gradients given by hand. */
import type { AnyKernel, Device, Launch, Program, View } from "../../src/device/types.ts";
import { adamw } from "../../src/kernels/adamw.ts";
import { logBetaOf, prepareUpdate } from "../../src/kernels/prepare-update.ts";
import { COUNTS, COUNTS_LENGTH, SCALARS_LENGTH } from "../../src/kernels/step-block.ts";
import { sumSquares } from "../../src/kernels/sum-squares.ts";

/** So many that two arenas' partials lie side by side at 256-byte offsets. */
const PARTIALS = 64;

export interface ArenaSpec {
  readonly values: Float32Array;
  readonly weightDecay: number;
}

export interface Hyperparameters {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly gradClip: number;
}

export interface ArenaState {
  readonly param: Float32Array;
  readonly m: Float32Array;
  readonly v: Float32Array;
}

export class OptimizerRun {
  private constructor(
    readonly device: Device,
    readonly arenas: readonly ArenaSpec[],
    readonly hyper: Hyperparameters,
    readonly views: ReadonlyMap<string, View>,
    readonly program: Program,
    readonly destroy: () => void,
  ) {}

  static async create(device: Device, arenas: readonly ArenaSpec[], hyper: Hyperparameters): Promise<OptimizerRun> {
    const requests: { label: string; sizeBytes: number }[] = [];
    arenas.forEach(({ values }, i) => {
      for (const name of ["param", "grad", "m", "v"]) requests.push({ label: `${name}${i}`, sizeBytes: values.byteLength });
    });
    requests.push({ label: "partial", sizeBytes: 4 * PARTIALS * arenas.length }, { label: "scalars", sizeBytes: 4 * SCALARS_LENGTH }, { label: "counts", sizeBytes: 4 * COUNTS_LENGTH });
    requests.push({ label: "stepF", sizeBytes: 16 }, { label: "stepU", sizeBytes: 16 });
    const heap = await device.allocate(requests);
    const views = new Map(requests.map(({ label, sizeBytes }, i) => [label, { buffer: heap.buffers[i]!, offsetBytes: 0, sizeBytes }]));
    const view = (name: string): View => views.get(name)!;
    const launches: Launch[] = [];
    const launch = (kernel: AnyKernel, bound: readonly View[], dims: readonly number[]): void =>
      void launches.push({ label: kernel.name, kernel, variant: 0, views: bound, dims });
    arenas.forEach(({ values }, i) => {
      const part = { ...view("partial"), offsetBytes: 4 * PARTIALS * i, sizeBytes: 4 * PARTIALS };
      launch(sumSquares as unknown as AnyKernel, [view(`grad${i}`), part], [values.length, PARTIALS]);
    });
    launch(prepareUpdate as unknown as AnyKernel, ["partial", "stepF", "stepU", "counts", "scalars"].map(view), [PARTIALS * arenas.length, logBetaOf(hyper.beta1), logBetaOf(hyper.beta2)]);
    arenas.forEach(({ values, weightDecay }, i) => {
      const { beta1, beta2, eps } = hyper;
      launch(adamw as unknown as AnyKernel, [...["param", "grad", "m", "v"].map((name) => view(`${name}${i}`)), view("stepF"), view("counts"), view("scalars")], [
        values.length, beta1, 1 - beta1, beta2, 1 - beta2, eps, weightDecay,
      ]);
    });
    const run = new OptimizerRun(device, arenas, hyper, views, await device.prepare("update", launches), () => heap.destroy());
    device.write(view("counts"), new Uint32Array(COUNTS_LENGTH));
    arenas.forEach(({ values }, i) => {
      device.write(view(`param${i}`), values);
      device.write(view(`m${i}`), new Float32Array(values.length));
      device.write(view(`v${i}`), new Float32Array(values.length));
    });
    return run;
  }

  step(number: number, lr: number, gradients: readonly Float32Array[]): void {
    gradients.forEach((gradient, i) => this.device.write(this.views.get(`grad${i}`)!, gradient));
    this.device.write(this.views.get("stepF")!, Float32Array.of(lr, this.hyper.gradClip, 1, 1));
    this.device.write(this.views.get("stepU")!, Uint32Array.of(0, 0, 0, number));
    this.device.submit([{ kind: "run", program: this.program }]);
  }

  clearLatch(): void {
    const counts = this.views.get("counts")!;
    this.device.write({ ...counts, offsetBytes: 4 * COUNTS.latched, sizeBytes: 4 }, new Uint32Array(1));
  }

  async read(name: string): Promise<Float32Array> {
    return new Float32Array(await this.device.read(this.views.get(name)!));
  }

  async counts(): Promise<Uint32Array> {
    return new Uint32Array(await this.device.read(this.views.get("counts")!));
  }

  async state(): Promise<ArenaState[]> {
    const states: ArenaState[] = [];
    for (const i of this.arenas.keys()) states.push({ param: await this.read(`param${i}`), m: await this.read(`m${i}`), v: await this.read(`v${i}`) });
    return states;
  }
}
