/**
 * What a program's launches cost, each timed alone in memory of its own, so that no bit of a run changes; and which tensor lives when in
 * which buffer. Times add up to less than a step where launches overlap or the host is slow, and to more where they share caches.
 */
import type { MemoryLife, ProfiledLaunch } from "../protocol/profile.ts";
import { dimsOf } from "../device/launch.ts";
import type { Plan } from "./compile.ts";
import type { MemoryPlan } from "./memory.ts";
import type { Recording } from "./recorder.ts";
import { Scratch } from "./scratch.ts";
import type { Storage } from "./tensor.ts";
import { ownKey } from "./variants.ts";

const SAMPLES = 3;
/** A sample far above the quantum of clocks, which is 0.1 ms where a page is not isolated, and above what a submit costs by itself, which is a millisecond or two in a browser. */
const SAMPLE_MS = 20;
const MOST_RUNS = 2048;
/** Launches in the submit that forecasts: alone, one is mostly the submit. */
const FORECAST_RUNS = 16;

export interface ProfileHooks {
  readonly now: () => number;
  readonly breathe: () => Promise<void>;
}

/** Milliseconds of one launch: the median of some samples, each of as many launches as make it long enough. */
async function timeAlone(scratch: Scratch, variant: number, now: () => number): Promise<number> {
  scratch.fill();
  await scratch.time(variant, 1, now);
  const alone = await scratch.time(variant, 1, now);
  let once = alone;
  if (alone < SAMPLE_MS) {
    // Both have one submit, so what they differ by is launches; noise must not make it nothing.
    const many = await scratch.time(variant, FORECAST_RUNS, now);
    once = Math.max(many / 4, (FORECAST_RUNS * many - alone) / (FORECAST_RUNS - 1));
  }
  const runs = Math.max(1, Math.min(MOST_RUNS, Math.ceil(SAMPLE_MS / Math.max(1e-3, once))));
  const samples: number[] = [];
  for (let i = 0; i < SAMPLES; i++) samples.push(await scratch.time(variant, runs, now));
  return samples.toSorted((a, b) => a - b)[Math.floor(SAMPLES / 2)]!;
}

/** The launches of these programs in their order. Launches of one kernel at the same sizes are timed once. */
export async function profileLaunches(plan: Plan, recordings: readonly Recording[], { now, breathe }: ProfileHooks): Promise<ProfiledLaunch[]> {
  const known = new Map<string, number>();
  const launches: ProfiledLaunch[] = [];
  for (const recording of recordings) {
    const bound = plan.programs.get(recording.name)!.launches;
    for (const [i, recorded] of recording.launches.entries()) {
      const launch = bound[i]!;
      const key = `${ownKey(recorded)} ${launch.variant}`;
      let ms = known.get(key);
      if (ms === undefined) {
        const tables = new Map<Storage, Uint32Array>();
        for (const tensor of recorded.tensors) if (tensor.type === "u32") tables.set(tensor.storage, await plan.readU32(tensor));
        const scratch = await Scratch.create(plan.device, recorded, { indices: ({ storage }) => tables.get(storage) });
        try {
          known.set(key, (ms = await timeAlone(scratch, launch.variant, now)));
        } finally {
          scratch.destroy();
        }
        await breathe();
      }
      const dims = dimsOf(launch);
      launches.push({ program: recording.name, label: launch.label, kernel: launch.kernel.name, variant: launch.kernel.variants[launch.variant]!.name, dims, ms, ...launch.kernel.cost(dims) });
    }
  }
  return launches;
}

/** When each activation of a program lives, by index of its launches, and in which buffer. In order of birth. */
export function livesOf(recording: Recording, memory: Pick<MemoryPlan, "bufferOf">): MemoryLife[] {
  const lives = new Map<Storage, { first: number; last: number }>();
  recording.launches.forEach(({ tensors }, index) => {
    for (const { storage } of tensors) {
      if (storage.role === "activations") lives.set(storage, { first: lives.get(storage)?.first ?? index, last: index });
    }
  });
  return [...lives].map(([storage, life]) => ({ label: storage.label, sizeBytes: storage.sizeBytes, buffer: memory.bufferOf.get(storage)!, ...life }));
}
