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

function commandsOf({ programs }: Subject, repeats: number): Command[] {
  return Array.from({ length: repeats }, (_, i) => ({ kind: "run", program: programs[i % programs.length]! }));
}

/** Milliseconds of one launch, over `repeats` of them in one submit; nothing is read back. */
async function sample(device: Device, subject: Subject, repeats: number, { now }: Clock): Promise<number> {
  await device.finished();
  const from = now();
  device.submit(commandsOf(subject, repeats));
  await device.finished();
  return (now() - from) / repeats;
}

/** Roughly how long one launch takes, after one that nobody times. */
export async function forecast(device: Device, subject: Subject, clock: Clock): Promise<number> {
  await sample(device, subject, 1, clock);
  const once = await sample(device, subject, 1, clock);
  return once > 5 ? once : sample(device, subject, 16, clock);
}

/** `count` samples of each, in turns; milliseconds of one launch. */
export async function timeInTurns(device: Device, subjects: readonly Subject[], forecasts: readonly number[], count: number, clock: Clock): Promise<number[][]> {
  const repeats = forecasts.map((ms) => Math.max(1, Math.min(repeatsFor(ms, clock.quantumMs), Math.floor(MOST_SUBMIT_MS / Math.max(ms, 1e-4)))));
  const samples = subjects.map((): number[] => []);
  for (let turn = 0; turn < count; turn++) {
    for (const [i, subject] of subjects.entries()) samples[i]!.push(await sample(device, subject, repeats[i]!, clock));
    clock.check();
    await clock.breathe();
  }
  return samples;
}
