/** One training step of a run, taken apart: its launches timed between two steps, its memory as planned. Changes nothing of the run. */
import { measurePeak } from "../bench/peak.ts";
import { quantumOf } from "../bench/statistics.ts";
import { NestlingError } from "../core/errors.ts";
import { livesOf, profileLaunches, type ProfileHooks } from "../plan/profiler.ts";
import type { StepProfile } from "../protocol/profile.ts";
import type { Run } from "./run.ts";

/** @throws NestlingError COMMAND where the run has no model yet, GPU_LOST, OUT_OF_MEMORY */
export function profileStep(run: Run, deviceName: string, hooks: ProfileHooks): Promise<StepProfile> {
  return run.exclusive(async () => {
    const { trainer, stage, recipe } = run;
    if (!trainer || run.phase === "preparing") throw new NestlingError("COMMAND", "This run has no model yet; wait until it is prepared.");
    await run.drain();
    const { plan, programs } = trainer;
    const named = (name: string) => programs.recordings.find((recording) => recording.name === name)!;
    const shadows = programs.recordings.filter(({ name }) => name === "shadows");
    const launches = await profileLaunches(plan, [...shadows, named("micro"), named("update")], hooks);
    // Its two large buffers may not fit beside the run's own: then there are times without a share of the roof.
    const peak = await measurePeak(plan.device, { ...hooks, quantumMs: quantumOf(hooks.now), check: () => undefined }).catch((error: unknown) => {
      if (error instanceof NestlingError && error.code === "OUT_OF_MEMORY") return null;
      throw error;
    });
    const msPerToken = run.clock.msPerToken();
    const tokens = run.tokensPerStep(stage);
    const { buffers, totalBytes } = plan.memory;
    const kept = new Map<string, number>();
    for (const { role, sizeBytes } of buffers) if (role !== "activations") kept.set(role, (kept.get(role) ?? 0) + sizeBytes);
    return {
      device: deviceName, recipeName: recipe.name, step: trainer.step, micros: stage.gradient_accumulation_steps, tokens, launches,
      ...(peak ? { peak } : {}),
      ...(msPerToken === null ? {} : { stepMs: msPerToken * tokens }),
      memory: {
        totalBytes, kept: [...kept].map(([role, sizeBytes]) => ({ role, sizeBytes })),
        slots: buffers.flatMap(({ role, sizeBytes }, buffer) => (role === "activations" ? [{ buffer, sizeBytes }] : [])), lives: livesOf(named("micro"), plan.memory),
      },
    };
  });
}
