/**
 * Training with products that multiply in f16, on an adapter that can: how far from float32 it goes, and what becomes of a step whose scaled
 * gradients are beyond f16. Runs on any GPUDevice with the feature "shader-f16".
 */
import { createWebGpuDevice } from "../../src/device/webgpu/webgpu-device.ts";
import { dimsOf } from "../../src/device/launch.ts";
import type { AnyKernel } from "../../src/device/types.ts";
import { kernels } from "../../src/kernels/index.ts";
import { differentBits, losses, microTrainer, type FamilyName, type MicroOptions } from "../support/micro.ts";

const IN_F16 = "tiles-64-f16";
/** Products of these sizes have room for a tile. */
const MODEL = { n_embd: 64, intermediate_size: 128 } as const;
/** Gradients times this are beyond f16, and far from the end of f32. */
const TOO_LARGE = 2 ** 40;

export interface HalfTraining {
  readonly name: FamilyName;
  /** Launches of a step that multiply in f16, and all its products. */
  readonly inF16: number;
  readonly products: number;
  /** Of every step, the same ones in float16 and float32. */
  readonly losses: readonly number[];
  readonly full: readonly number[];
  /** Held-out losses after the last step. */
  readonly held: number;
  readonly heldFull: number;
  /** Steps left out in turn, from a scale that is too large, until one was taken; bits of weights that those changed; the scale then. */
  readonly overflow: { readonly skipped: number; readonly changed: number; readonly scale: number; readonly lossesFinite: boolean };
  /** The same start, where products multiply in f32: none is left out. */
  readonly skippedInF32: number;
}

const choices = Object.fromEntries((Object.values(kernels) as unknown as AnyKernel[]).filter(({ variants }) => variants.some(({ name }) => name === IN_F16)).map(({ name }) => [name, IN_F16]));

async function overflow(device: Parameters<typeof microTrainer>[0], options: MicroOptions): Promise<HalfTraining["overflow"]> {
  const trainer = await microTrainer(device, options);
  await losses(trainer, 2);
  const before = await trainer.snapshot(true);
  trainer.restore({ ...before, scaler: { scale: TOO_LARGE, good: 0, skipped: 0 } });
  let [skipped, changed, lossesFinite] = [0, 0, true];
  for (let tries = 0; tries < 64; tries++) {
    trainer.takeStep();
    const [row] = await trainer.readMetrics();
    lossesFinite &&= Number.isFinite(row!.loss);
    if (!row!.skipped) break;
    skipped++;
    for (const [name, { data }] of (await trainer.snapshot(false)).weights) changed += differentBits(data, before.weights.get(name)!.data);
  }
  const { scale } = (await trainer.snapshot(true)).scaler!;
  trainer.destroy();
  return { skipped, changed, scale, lossesFinite };
}

export async function trainInF16(gpu: GPUDevice, steps: number): Promise<HalfTraining[]> {
  // As a graphics card would: without what is made for software adapters.
  const device = createWebGpuDevice(gpu, { softwareAdapter: false });
  const found: HalfTraining[] = [];
  for (const family of ["gpt2", "llama"] as const) {
    const plain: MicroOptions = { family, model: MODEL, optimizer: { learning_rate: 3e-3 }, stage: { max_iters: steps } };
    const half: MicroOptions = { ...plain, dtype: "float16", compile: { choices } };
    const [one, other] = [await microTrainer(device, half), await microTrainer(device, plain)];
    const products = one.programs.recordings[0]!.launches.filter(({ kernel }) => kernel.name in choices);
    const inF16 = products.filter((launch) => launch.kernel.variants.find(({ name }) => name === IN_F16)!.fits!(dimsOf({ ...launch, variant: 0, views: [] })));
    const [curve, full] = [await losses(one, steps), await losses(other, steps)];
    const [held, heldFull] = [await one.evaluate(one.data, 4), await other.evaluate(other.data, 4)];
    one.destroy();
    other.destroy();
    const { compile: _, ...inF32 } = half;
    const choicesF32 = Object.fromEntries(Object.keys(choices).map((name) => [name, "tiles-64-vec4"]));
    found.push({
      name: family, inF16: inF16.length, products: products.length, losses: curve, full, held, heldFull,
      overflow: await overflow(device, half), skippedInF32: (await overflow(device, { ...inF32, compile: { choices: choicesF32 } })).skipped,
    });
  }
  return found;
}
