/**
 * What to do when: one pure function from the state of a run to the actions of one turn. It knows no device, no clock and no
 * data; the trainer acts, counts, yields to its messages, and asks again.
 */
import type { RunPhase } from "../protocol/index.ts";

export interface TurnState {
  /** Only "running" acts by itself; "paused" acts on `singleStep` and `stopRequested`; every other phase does nothing. */
  readonly phase: RunPhase;
  /** Optimizer steps submitted in this stage; `maxIters` ends it. */
  readonly step: number;
  readonly maxIters: number;
  /** Steps between evaluations, the first at step 0; 0 = only at the end of the stage. */
  readonly evalInterval: number;
  /** Steps between samples, the first at step 0; 0 = only at the end of the stage. */
  readonly sampleEvery: number;
  /** The step at which each was last done in this stage; -1 = never. Restored on resume, so that nothing is done twice. */
  readonly evaluatedAt: number;
  readonly sampledAt: number;
  readonly savedAt: number;
  /** 0 = only at the end of the stage and on stop. */
  readonly checkpointEveryMs: number;
  readonly msSinceCheckpoint: number;
  readonly pauseRequested: boolean;
  readonly stopRequested: boolean;
  readonly singleStep: boolean;
  /** The device refused a step whose gradient norm was not finite: nothing is taken until somebody has looked. */
  readonly latched: boolean;
  /** Steps submitted and not known to be finished. */
  readonly inFlight: number;
  readonly maxInFlight: number;
  readonly stageIndex: number;
  readonly stageCount: number;
}

export type TurnAction =
  /** Wait until at most `to` steps are in flight. */
  | { readonly kind: "drain"; readonly to: number }
  | { readonly kind: "evaluate" }
  | { readonly kind: "sample" }
  | { readonly kind: "checkpoint" }
  | { readonly kind: "step" }
  | { readonly kind: "nextStage" }
  | { readonly kind: "pause"; readonly reason: "requested" | "single-step" | "latched" }
  | { readonly kind: "finish"; readonly reason: "done" | "stopped" };

const isDue = (every: number, step: number, last: number, atEnd: boolean): boolean => last !== step && (atEnd || (every > 0 && step % every === 0));

/**
 * The actions of one turn, in order; at most one of them is a step. The first of these that holds decides: latched, stopped,
 * pause asked for, end of stage, step. Evaluations, samples and checkpoints see a step border: whatever precedes them in the
 * list has drained what was in flight. Pause and stop come before evaluations, which are long.
 */
export function planTurn(state: TurnState): TurnAction[] {
  const { phase, step, maxIters } = state;
  if (phase !== "running" && !(phase === "paused" && (state.singleStep || state.stopRequested))) return [];
  const atEnd = step >= maxIters;
  const drained: TurnAction[] = state.inFlight > 0 ? [{ kind: "drain", to: 0 }] : [];

  // No checkpoint: what led here is for the host to look at, and the last good one stays the last.
  if (state.latched) return [...drained, state.stopRequested ? { kind: "finish", reason: "stopped" } : { kind: "pause", reason: "latched" }];

  const save: TurnAction[] = state.savedAt === step ? [] : [{ kind: "checkpoint" }];
  const timed = state.checkpointEveryMs > 0 && state.msSinceCheckpoint >= state.checkpointEveryMs ? save : [];
  if (state.stopRequested) return [...drained, ...save, { kind: "finish", reason: "stopped" }];
  if (phase === "running" && state.pauseRequested) return [...drained, ...timed, { kind: "pause", reason: "requested" }];

  const looks: TurnAction[] = [];
  if (isDue(state.evalInterval, step, state.evaluatedAt, atEnd)) looks.push({ kind: "evaluate" });
  if (isDue(state.sampleEvery, step, state.sampledAt, atEnd)) looks.push({ kind: "sample" });
  if (atEnd) {
    const last = state.stageIndex + 1 >= state.stageCount;
    return [...drained, ...looks, ...save, last ? { kind: "finish", reason: "done" } : { kind: "nextStage" }];
  }
  const border = [...looks, ...timed];
  if (border.length > 0) border.unshift(...drained);
  if (state.singleStep) return [...border, { kind: "step" }, { kind: "drain", to: 0 }, { kind: "pause", reason: "single-step" }];
  // A turn that has drained has room; otherwise make room for one.
  if (border.length === 0 && state.inFlight >= state.maxInFlight) border.push({ kind: "drain", to: state.maxInFlight - 1 });
  return [...border, { kind: "step" }];
}
