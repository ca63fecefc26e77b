import { describe, expect, it } from "vitest";
import { planTurn, type TurnAction, type TurnState } from "../../src/training/plan-turn.ts";

/** A run in the middle of its first of two stages, with nothing due. */
const middle: TurnState = {
  phase: "running",
  step: 7,
  maxIters: 20,
  evalInterval: 5,
  sampleEvery: 10,
  evaluatedAt: 5,
  sampledAt: 0,
  savedAt: 3,
  checkpointEveryMs: 60_000,
  msSinceCheckpoint: 1000,
  pauseRequested: false,
  stopRequested: false,
  singleStep: false,
  latched: false,
  inFlight: 0,
  maxInFlight: 2,
  stageIndex: 0,
  stageCount: 2,
};

/** "drain 0 > evaluate > step": an order is easier to read as one line. */
const words = (action: TurnAction): string =>
  action.kind === "drain" ? `drain ${action.to}` : "reason" in action ? `${action.kind} ${action.reason}` : action.kind;
const turn = (change: Partial<TurnState>): string => planTurn({ ...middle, ...change }).map(words).join(" > ");

const table: [when: string, change: Partial<TurnState>, actions: string][] = [
  ["nothing is due", {}, "step"],
  ["one step is in flight", { inFlight: 1 }, "step"],
  ["two steps are in flight", { inFlight: 2 }, "drain 1 > step"],
  ["only one may be in flight", { inFlight: 1, maxInFlight: 1 }, "drain 0 > step"],

  ["a stage begins", { step: 0, evaluatedAt: -1, sampledAt: -1, savedAt: -1 }, "evaluate > sample > step"],
  ["a stage began and was looked at", { step: 0, evaluatedAt: 0, sampledAt: 0, savedAt: -1 }, "step"],
  ["an evaluation is due", { step: 10, sampledAt: 10 }, "evaluate > step"],
  ["an evaluation is due with steps in flight", { step: 10, sampledAt: 10, inFlight: 2 }, "drain 0 > evaluate > step"],
  ["it was evaluated at this step", { step: 10, evaluatedAt: 10, sampledAt: 10 }, "step"],
  ["one step is missing to the interval", { step: 9 }, "step"],
  ["one step is past the interval", { step: 11, evaluatedAt: 10, sampledAt: 10 }, "step"],
  ["evaluation and sample are due", { step: 10, inFlight: 1 }, "drain 0 > evaluate > sample > step"],
  ["evaluation is off until the end", { step: 0, evalInterval: 0, sampleEvery: 0, evaluatedAt: -1, sampledAt: -1 }, "step"],

  ["a minute has passed", { msSinceCheckpoint: 60_000 }, "checkpoint > step"],
  ["a minute has passed with steps in flight", { msSinceCheckpoint: 60_000, inFlight: 2 }, "drain 0 > checkpoint > step"],
  ["a minute less a millisecond has passed", { msSinceCheckpoint: 59_999, inFlight: 1 }, "step"],
  ["a minute has passed and this step is saved", { msSinceCheckpoint: 90_000, savedAt: 7 }, "step"],
  ["checkpoints by time are off", { checkpointEveryMs: 0, msSinceCheckpoint: 1e9 }, "step"],
  ["all three are due", { step: 10, msSinceCheckpoint: 60_000, inFlight: 1 }, "drain 0 > evaluate > sample > checkpoint > step"],

  ["the stage ends on an interval", { step: 20, evaluatedAt: 15, sampledAt: 10, inFlight: 2 }, "drain 0 > evaluate > sample > checkpoint > nextStage"],
  ["the stage ends between intervals", { step: 20, maxIters: 20, evalInterval: 7, evaluatedAt: 14, sampledAt: 10 }, "evaluate > sample > checkpoint > nextStage"],
  ["the stage ends, evaluated already", { step: 20, evaluatedAt: 20, sampledAt: 20 }, "checkpoint > nextStage"],
  ["the stage ends, all done already", { step: 20, evaluatedAt: 20, sampledAt: 20, savedAt: 20 }, "nextStage"],
  ["the stage ends with evaluation only there", { step: 20, evalInterval: 0, sampleEvery: 0, evaluatedAt: -1, sampledAt: -1 }, "evaluate > sample > checkpoint > nextStage"],
  ["the last stage ends", { step: 20, stageIndex: 1, evaluatedAt: 20, sampledAt: 20 }, "checkpoint > finish done"],
  ["a stage has no steps", { step: 0, maxIters: 0, evaluatedAt: -1, sampledAt: -1, savedAt: -1 }, "evaluate > sample > checkpoint > nextStage"],
  ["the step lies past the end", { step: 21, evaluatedAt: 21, sampledAt: 21, savedAt: 21, stageIndex: 1 }, "finish done"],

  ["pause is asked for", { pauseRequested: true }, "pause requested"],
  ["pause is asked for with steps in flight", { pauseRequested: true, inFlight: 2 }, "drain 0 > pause requested"],
  ["pause is asked for where an evaluation is due", { pauseRequested: true, step: 10 }, "pause requested"],
  ["pause is asked for where a checkpoint is due", { pauseRequested: true, inFlight: 1, msSinceCheckpoint: 60_000 }, "drain 0 > checkpoint > pause requested"],
  ["pause is asked for at the end of a stage", { pauseRequested: true, step: 20, inFlight: 1 }, "drain 0 > pause requested"],
  ["pause and single step are asked for while running", { pauseRequested: true, singleStep: true }, "pause requested"],

  ["it is paused", { phase: "paused", step: 10 }, ""],
  ["it is paused and asked to pause", { phase: "paused", pauseRequested: true }, ""],
  ["it is paused and asked for one step", { phase: "paused", singleStep: true }, "step > drain 0 > pause single-step"],
  ["it is paused at an interval and asked for one step", { phase: "paused", singleStep: true, step: 10 }, "evaluate > sample > step > drain 0 > pause single-step"],
  ["it is running and asked for one step", { singleStep: true, inFlight: 2 }, "step > drain 0 > pause single-step"],
  ["it is paused, a pause still asked for, and asked for one step", { phase: "paused", pauseRequested: true, singleStep: true }, "step > drain 0 > pause single-step"],
  ["it is paused at the end of a stage and asked for one step", { phase: "paused", singleStep: true, step: 20, evaluatedAt: 20, sampledAt: 20 }, "checkpoint > nextStage"],

  ["stop is asked for", { stopRequested: true, inFlight: 2 }, "drain 0 > checkpoint > finish stopped"],
  ["stop is asked for where this step is saved", { stopRequested: true, savedAt: 7 }, "finish stopped"],
  ["stop is asked for while paused", { phase: "paused", stopRequested: true }, "checkpoint > finish stopped"],
  ["stop and pause are asked for", { stopRequested: true, pauseRequested: true }, "checkpoint > finish stopped"],
  ["stop and one step are asked for", { phase: "paused", stopRequested: true, singleStep: true }, "checkpoint > finish stopped"],
  ["stop is asked for at the end", { stopRequested: true, step: 20, stageIndex: 1 }, "checkpoint > finish stopped"],

  ["a step was latched", { latched: true, inFlight: 1 }, "drain 0 > pause latched"],
  ["a step was latched where everything is due", { latched: true, step: 10, msSinceCheckpoint: 60_000 }, "pause latched"],
  ["a step was latched at the end", { latched: true, step: 20 }, "pause latched"],
  ["a step was latched and one more is asked for", { latched: true, phase: "paused", singleStep: true }, "pause latched"],
  ["a step was latched and stop is asked for", { latched: true, stopRequested: true }, "finish stopped"],

  ...(["idle", "preparing", "finished", "stopped", "failed"] as const).map(
    (phase): [string, Partial<TurnState>, string] => [`the run is ${phase}`, { phase, step: 10, singleStep: true, stopRequested: true }, ""],
  ),
];

describe("planTurn", () => {
  it.each(table)("when %s", (_, change, actions) => {
    expect(turn(change)).toBe(actions);
  });

  /** Runs turns to the end the way a trainer would; returns what was done, with the step at which it was. */
  function play(start: Partial<TurnState>, interfere: (state: TurnState, done: string[]) => Partial<TurnState> = () => ({})): string[] {
    let state: TurnState = { ...middle, step: 0, evaluatedAt: -1, sampledAt: -1, savedAt: -1, ...start };
    const done: string[] = [];
    for (let turns = 0; turns < 500 && state.phase !== "finished"; turns++) {
      state = { ...state, ...interfere(state, done) };
      for (const action of planTurn(state)) {
        done.push(`${words(action)} @${state.step}`);
        const seenInFlight = ["evaluate", "sample", "checkpoint"].includes(action.kind) ? state.inFlight : 0;
        expect(seenInFlight, `${action.kind} sees nothing in flight`).toBe(0);
        if (action.kind === "drain") state = { ...state, inFlight: Math.min(state.inFlight, action.to) };
        if (action.kind === "evaluate") state = { ...state, evaluatedAt: state.step };
        if (action.kind === "sample") state = { ...state, sampledAt: state.step };
        if (action.kind === "checkpoint") state = { ...state, savedAt: state.step, msSinceCheckpoint: 0 };
        if (action.kind === "step") state = { ...state, step: state.step + 1, inFlight: state.inFlight + 1, msSinceCheckpoint: state.msSinceCheckpoint + 9000 };
        if (action.kind === "nextStage") state = { ...state, stageIndex: state.stageIndex + 1, step: 0, evaluatedAt: -1, sampledAt: -1, savedAt: -1 };
        if (action.kind === "pause") state = { ...state, phase: "paused", pauseRequested: false, singleStep: false };
        if (action.kind === "finish") state = { ...state, phase: "finished" };
        expect(state.inFlight).toBeLessThanOrEqual(state.maxInFlight);
      }
    }
    expect(state.phase).toBe("finished");
    return done;
  }
  const at = (done: readonly string[], kind: string): string[] => done.filter((line) => line.startsWith(kind)).map((line) => line.split("@")[1]!);

  it("evaluates each stage at 0, at every interval and at the end, once each", () => {
    const done = play({ maxIters: 12 });
    expect(at(done, "evaluate")).toEqual(["0", "5", "10", "12", "0", "5", "10", "12"]);
    expect(at(done, "sample")).toEqual(["0", "10", "12", "0", "10", "12"]);
    expect(at(done, "step")).toHaveLength(24);
    expect(at(play({ maxIters: 10, stageCount: 1 }), "evaluate")).toEqual(["0", "5", "10"]);
  });

  it("saves by the clock and at the end of each stage", () => {
    // Nine seconds a step: the seventh step passes a minute.
    expect(at(play({ maxIters: 16, stageCount: 1 }), "checkpoint")).toEqual(["7", "14", "16"]);
  });

  it("single-steps through both stages, one step a press, and does all that an unbroken run does", () => {
    const stepped = play({ phase: "paused", maxIters: 6 }, ({ phase }) => ({ singleStep: phase === "paused" }));
    const unbroken = play({ maxIters: 6 });
    const lasting = (done: readonly string[]): string[] => done.filter((line) => !/^(drain|pause)/.test(line));
    expect(lasting(stepped)).toEqual(lasting(unbroken));
    // The end of a stage is not a step: the turn after it takes the next stage's first one.
    expect(at(stepped, "pause")).toHaveLength(12);
  });

  it("takes no step between the request for a pause and the pause", () => {
    let asked = false;
    const done = play({ maxIters: 8, stageCount: 1 }, ({ step, phase }) => {
      if (phase === "paused") return { phase: "running" };
      if (step !== 4 || asked) return {};
      asked = true;
      return { pauseRequested: true };
    });
    expect(at(done, "pause")).toEqual(["4"]);
    expect(at(done, "step")).toEqual(["0", "1", "2", "3", "4", "5", "6", "7"]);
  });
});
