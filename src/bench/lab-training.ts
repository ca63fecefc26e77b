/**
 * Training with a text under trial: the tiny reference training twice, step by step in turns, as shipped and with the text wherever its
 * variant fits. Weights, batches and order of steps are the same, so whatever the losses differ by comes from the text.
 */
import { NestlingError } from "../core/errors.ts";
import { withText } from "../kernels/loop-guard.ts";
import { usableVariants, type VariantChoices } from "../plan/variants.ts";
import type { RecordedLaunch } from "../plan/recorder.ts";
import type { KernelParity, KernelText } from "../protocol/kernel-lab.ts";
import { FULL_MS } from "../training/pacing.ts";
import type { TrainingPrograms } from "../training/programs.ts";
import { Trainer } from "../training/trainer.ts";
import { casesOfKernel, referencePrograms, stepLaunches } from "./cases.ts";
import { shippedKernel, variantIndex, within, type LabBench } from "./lab.ts";
import { referenceSource, referenceStage, referenceWeights } from "./reference.ts";
import { median } from "./statistics.ts";

export const PARITY_STEPS = 50;
/** Nats a token. Another order of addition moves a loss of these fifty steps by less than a tenth of it; a wrong index by far more. */
export const PARITY_ALLOWED = 1e-3;

async function trainerOf(bench: LabBench, programs: TrainingPrograms, choices: VariantChoices, text: Uint8Array): Promise<Trainer> {
  const trainer = await Trainer.create(bench.device, programs, referenceStage(PARITY_STEPS), 1, referenceSource("tiny", text, PARITY_STEPS), { choices });
  trainer.loadWeights(referenceWeights("tiny"));
  trainer.pace.limitMs = FULL_MS;
  return trainer;
}

/** One step, its loss and its milliseconds; null where its numbers are none. @throws NestlingError GPU_LOST, OUT_OF_MEMORY */
async function stepOf({ device, clock, limitMs }: LabBench, trainer: Trainer): Promise<{ loss: number; ms: number } | null> {
  await device.finished();
  const from = clock.now();
  trainer.takeStep();
  try {
    const rows = await within(limitMs, `Step ${trainer.step}`, trainer.readMetrics());
    const ms = clock.now() - from;
    trainer.observeStep(ms);
    const loss = rows.at(-1)?.loss;
    return loss !== undefined && Number.isFinite(loss) ? { loss, ms } : null;
  } catch (error) {
    if (error instanceof NestlingError && error.code === "NONFINITE_LOSS") return null;
    throw error;
  }
}

const bitsOf = (losses: readonly number[]): string => new Uint32Array(Float32Array.from(losses).buffer).join();

/**
 * @param text the reference text's bytes
 * @throws NestlingError COMMAND where no launch of the training takes the text, GPU_LOST, OUT_OF_MEMORY, CANCELLED
 */
export async function trainWith(bench: LabBench, { kernel: name, variant, source }: KernelText, text: Uint8Array, onStep: (done: number, total: number) => void, steps = PARITY_STEPS): Promise<KernelParity> {
  const { device, clock } = bench;
  const shipped = shippedKernel(name, casesOfKernel(name, device.limits.maxBindingBytes));
  const index = variantIndex(shipped, variant);
  const edited = withText(shipped, index, source);
  const programs = referencePrograms("tiny", device.limits.maxBindingBytes);
  const swap = (recorded: RecordedLaunch): RecordedLaunch => (recorded.kernel === shipped ? { ...recorded, kernel: edited } : recorded);
  const other: TrainingPrograms = { ...programs, recordings: programs.recordings.map((recording) => ({ ...recording, launches: recording.launches.map(swap) })) };
  const own = stepLaunches(programs).filter(({ kernel }) => kernel === shipped);
  const used = own.filter((recorded) => usableVariants(device, recorded).some((one) => one.index === index)).length;
  if (used === 0) throw new NestlingError("COMMAND", `No launch of the tiny reference training takes ${name}/${variant}, so nothing can be trained with it. Choose another variant or kernel.`, { name: "variant" });
  // Both take this variant wherever it fits: what differs is the text alone.
  const choices = { [name]: variant };
  const curves: { shipped: number[]; edited: number[] } = { shipped: [], edited: [] };
  const times: { shipped: number[]; edited: number[] } = { shipped: [], edited: [] };
  const trainers: Trainer[] = [];
  let note = "";
  try {
    for (const each of [programs, other]) trainers.push(await trainerOf(bench, each, choices, text));
    for (let step = 0; step < steps && note === ""; step++) {
      for (const [i, side] of (["shipped", "edited"] as const).entries()) {
        const taken = await stepOf(bench, trainers[i]!);
        if (taken === null) note = `The loss ${side === "edited" ? "with the text" : "as shipped"} is not a number at step ${step + 1}.`;
        else {
          curves[side].push(taken.loss);
          times[side].push(taken.ms);
        }
      }
      onStep(step + 1, steps);
      clock.check();
      await clock.breathe();
    }
  } finally {
    for (const trainer of trainers) trainer.destroy();
  }
  const apart = curves.edited.map((loss, i) => Math.abs(loss - curves.shipped[i]!));
  const worst = Math.max(0, ...apart);
  return {
    kernel: name, variant, used, of: own.length, ...curves, worst, worstStep: apart.indexOf(worst) + 1, allowed: PARITY_ALLOWED,
    sameBits: note === "" && bitsOf(curves.shipped) === bitsOf(curves.edited), pass: note === "" && apart.length === steps && worst <= PARITY_ALLOWED, note,
    shipped_ms: times.shipped.length > 0 ? median(times.shipped) : NaN, edited_ms: times.edited.length > 0 ? median(times.edited) : NaN,
  };
}
