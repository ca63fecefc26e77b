/** Times things in turns: every sample of one lies between samples of the others, so that a drift of the machine meets all alike. */
import type { Command, Device, Program } from "../device/types.ts";
import { repeatsFor } from "./statistics.ts";

export interface Clock {
  readonly now: () => number;
  readonly quantumMs: number;
  readonly breathe: () => Promise<void>;
  /** Ends everything by throwing, where somebody asked for it. */
  readonly check: () => void;
}

/** What is timed: programs of one launch each, on buffers of their own, run one after another. */
export interface Subject {
  readonly programs: readonly Program[];
}

/** A sample that would take longer is one launch. PLATFORM.md: no submit beyond 250 ms. */
const MOST_SUBMIT_MS = 200;
const MOST_TRIES = 6;
const FORECAST_RUNS = 16;

function commandsOf({ programs }: Subject, repeats: number): Command[] {
  return Array.from({ length: repeats }, (_, i) => ({ kind: "run", program: programs[i % programs.length]! }));
}

/** Milliseconds of one launch; by the device's own timestamps too, where it has them and they ran forwards. */
interface Sample {
  readonly ms: number;
  readonly gpuMs?: number;
}

/** Over `repeats` launches in one submit. Nothing is read back while the clock runs; the timestamps are read after it has stopped. */
async function sample(device: Device, subject: Subject, repeats: number, { now }: Clock): Promise<Sample> {
  const commands = commandsOf(subject, repeats);
  await device.finished();
  const from = now();
  const stamps = device.submitTimed?.(commands);
  if (!stamps) device.submit(commands);
  await device.finished();
  const ms = (now() - from) / repeats;
  const gpuMs = stamps ? (await stamps()) / repeats : 0;
  return gpuMs > 0 ? { ms, gpuMs } : { ms };
}

/** All samples of one subject. */
export interface Timed {
  readonly ms: readonly number[];
  /** As many, or none: a median of those that happened to run forwards would be another thing. */
  readonly gpuMs: readonly number[];
}

/** Roughly how long one launch takes, after one that nobody times. */
export async function forecast(device: Device, subject: Subject, clock: Clock): Promise<number> {
  await sample(device, subject, 1, clock);
  const once = await sample(device, subject, 1, clock);
  return once.ms > 5 ? once.ms : (await sample(device, subject, FORECAST_RUNS, clock)).ms;
}

/**
 * So many launches that a sample really lasts as long as it should: a forecast that met a hiccup of the machine, or the cost of one submit, says
 * too few. More until a sample is long enough, or the next would be too long for one submit; what is too short on the way is no sample.
 */
async function enough(device: Device, subject: Subject, forecastMs: number, clock: Clock): Promise<number> {
  const most = (ms: number): number => Math.max(1, Math.floor(MOST_SUBMIT_MS / Math.max(ms, 1e-4)));
  // No more to begin with than what the forecast itself submitted.
  let repeats = Math.min(repeatsFor(forecastMs, clock.quantumMs), most(forecastMs), FORECAST_RUNS);
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const { ms } = await sample(device, subject, repeats, clock);
    const wanted = Math.min(repeatsFor(ms, clock.quantumMs), most(ms));
    if (wanted <= repeats) return Math.min(repeats, most(ms));
    // Not at once by more than tenfold: the short sample may be the one that is wrong.
    repeats = Math.min(wanted, 10 * repeats);
  }
  return repeats;
}

/** `count` samples of each, in turns; milliseconds of one launch. */
export async function timeInTurns(device: Device, subjects: readonly Subject[], forecasts: readonly number[], count: number, clock: Clock): Promise<Timed[]> {
  const repeats: number[] = [];
  for (const [i, subject] of subjects.entries()) repeats.push(await enough(device, subject, forecasts[i]!, clock));
  const samples = subjects.map((): Sample[] => []);
  for (let turn = 0; turn < count; turn++) {
    for (const [i, subject] of subjects.entries()) samples[i]!.push(await sample(device, subject, repeats[i]!, clock));
    clock.check();
    await clock.breathe();
  }
  return samples.map((own) => {
    const gpuMs = own.flatMap((one) => one.gpuMs ?? []);
    return { ms: own.map(({ ms }) => ms), gpuMs: gpuMs.length === own.length ? gpuMs : [] };
  });
}
