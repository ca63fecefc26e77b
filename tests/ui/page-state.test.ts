/** From one event to the next, and the choices the page makes for a person: pure functions over plain data. */
import { describe, expect, it } from "vitest";
import type { CheckpointSummary, EngineEvent, EngineEventBody, RunState } from "../../src/protocol/index.ts";
import { presetByName, presets } from "../../src/protocol/presets.ts";
import type { PageState } from "../../src/ui/page-state.ts";
import { initialState, isLive, quizScores, reduceEvents, remainingMs, withNotice } from "../../src/ui/page-state.ts";
import { canTune, defaultSides, marksOf, tuningBase, tuningRecipe, wantsText, withOwnText } from "../../src/ui/models/sides.ts";

const recipe = presets[0];
const runState = (more: Partial<RunState> = {}): RunState => ({
  runId: "r1", phase: "running", recipe, stageIndex: 0, step: 0, canSample: true,
  stages: recipe.stages.map((stage) => ({ name: stage.name, kind: stage.kind, steps: stage.max_iters, done: 0, tokensPerStep: 1024, spentMs: 0 })), ...more,
});
const event = (seq: number, body: EngineEventBody, runId = "r1"): EngineEvent => ({ runId, seq, step: seq, timeMs: 0, ...body });
const started = reduceEvents(initialState, [event(1, { type: "state", state: runState() })]);
const checkpoint = (id: string, stageKind: string, more: Partial<CheckpointSummary> = {}): CheckpointSummary => ({
  id, parentId: null, runId: "old", name: id, stage: stageKind, stageKind, stageIndex: 0, step: 10, globalStep: 10, parameters: 1, bytes: 1, createdMs: 1, shipped: false, resumable: false, model: recipe.model, ...more,
});

describe("reduceEvents", () => {
  it("clears the answers of the models before when another run begins", () => {
    const exchange = { requestId: "a", prompt: "Who?", chat: true, seed: 1, answers: [] };
    expect(reduceEvents({ ...started, exchange }, [event(9, { type: "state", state: runState() })]).exchange).toBe(exchange);
    expect(reduceEvents({ ...started, exchange }, [event(1, { type: "state", state: runState({ runId: "r2" }) }, "r2")]).exchange).toBeNull();
  });

  it("clears what belonged to the run before when another begins", () => {
    const old = reduceEvents(started, [
      event(2, { type: "metrics", rows: [{ stageIndex: 0, step: 1, globalStep: 1, tokens: 64, trainMs: 5, "train/loss": 4 }] }),
      event(3, { type: "sample", sample: { stageIndex: 0, step: 1, globalStep: 1, tokens: 64, prompt: "", text: "x" } }),
    ]);
    expect([old.curves.tokens, old.samples.length]).toEqual([64, 1]);
    const next = reduceEvents(old, [event(1, { type: "state", state: runState({ runId: "r2" }) }, "r2")]);
    expect([next.curves.tokens, next.samples.length, next.runId]).toEqual([0, 0, "r2"]);
  });

  it("keeps curves that come before the first state of their run, as those of a reopened run do", () => {
    const opened = reduceEvents(started, [
      event(1, { type: "metrics", rows: [{ stageIndex: 0, step: 7, globalStep: 7, tokens: 448, trainMs: 35, "train/loss": 3 }] }, "r2"),
      event(2, { type: "state", state: runState({ runId: "r2", phase: "paused" }) }, "r2"),
    ]);
    expect([opened.curves.lastStep, opened.run?.runId, opened.run?.phase]).toEqual([7, "r2", "paused"]);
  });

  it("keeps curves through a run's own state changes", () => {
    const after = reduceEvents(started, [
      event(2, { type: "metrics", rows: [{ stageIndex: 0, step: 1, globalStep: 1, tokens: 64, trainMs: 5, "train/loss": 4 }] }),
      event(3, { type: "state", state: runState({ phase: "paused" }) }),
    ]);
    expect([after.curves.loss, after.run?.phase]).toEqual([4, "paused"]);
  });

  it("puts a token to its question's side only, and drops one of a question that is gone", () => {
    const asked: PageState = {
      ...started,
      exchange: { requestId: "q2", prompt: "?", chat: true, seed: 1, answers: [{ side: "base", model: "", tokens: [], status: "waiting" }, { side: "tuned", model: "", tokens: [], status: "waiting" }] },
    };
    const token = { id: 1, text: "a", special: false, p: 1 };
    const after = reduceEvents(asked, [
      event(2, { type: "token", requestId: "q1", side: "base", token }, ""),
      event(3, { type: "token", requestId: "q2", side: "tuned", token }, ""),
      event(4, { type: "answerDone", requestId: "q2", side: "tuned", reason: "length", note: "kept the last half" }, ""),
    ]);
    expect(after.exchange?.answers.map((answer) => [answer.tokens.length, answer.status, answer.note])).toEqual([[0, "waiting", undefined], [1, "done", "kept the last half"]]);
  });

  it("keeps a bounded timeline with the first and the newest sample", () => {
    const samples = Array.from({ length: 3000 }, (_, i) =>
      event(i + 2, { type: "sample", sample: { stageIndex: 0, step: i, globalStep: i, tokens: i, prompt: "", text: String(i) } }),
    );
    const kept = reduceEvents(started, samples).samples;
    expect(kept.length).toBeLessThanOrEqual(400);
    expect([kept[0].text, kept[kept.length - 1].text]).toEqual(["0", "2999"]);
    expect(kept.every((sample, i) => i === 0 || sample.step > kept[i - 1].step)).toBe(true);
  });

  it("does not change the state it was given", () => {
    const before = structuredClone({ ...started, curves: null });
    reduceEvents(started, [event(2, { type: "notice", level: "info", code: "A", text: "b" })]);
    expect(structuredClone({ ...started, curves: null })).toEqual(before);
  });
});

describe("withNotice", () => {
  it("counts the same notice up and keeps five at most", () => {
    let state = withNotice(withNotice(initialState, "error", "A", "x"), "error", "A", "x");
    expect(state.notices.map(({ times }) => times)).toEqual([2]);
    for (let i = 0; i < 9; i++) state = withNotice(state, "error", "B", String(i));
    expect(state.notices).toHaveLength(5);
    expect(new Set(state.notices.map(({ id }) => id)).size).toBe(5);
    state = withNotice(state, "error", "B", "6");
    expect(state.notices.map(({ text, times }) => `${text} ${times}`)).toEqual(["4 1", "5 1", "7 1", "8 1", "6 2"]);
    expect(new Set(withNotice(state, "info", "C", "new").notices.map(({ id }) => id)).size).toBe(5);
  });
});

describe("remaining time and quiz", () => {
  it("adds up the stages that have a figure, and has none where none has", () => {
    const [first, second] = runState().stages;
    expect(remainingMs(runState())).toBeUndefined();
    expect(remainingMs(runState({ stages: [{ ...first, remainingMs: 5 }, { ...second, remainingMs: 7 }] }))).toBe(12);
  });

  it("tells base and tuned scores apart by the stage they were measured in", () => {
    const measured = reduceEvents(started, [
      event(2, { type: "metrics", rows: [{ stageIndex: 0, step: 1, globalStep: 1, tokens: 1, trainMs: 1, quiz_right: 3 }, { stageIndex: 1, step: 1, globalStep: 2, tokens: 2, trainMs: 2, quiz_right: 41 }] }),
    ]);
    expect(quizScores(measured)).toEqual({ base: 3, tuned: 41, total: 50, step: 2 });
  });

  it("takes the base's score from its checkpoint when the run trains no base", () => {
    const tuning = reduceEvents({ ...started, checkpoints: [checkpoint("b", "pretrain", { quizRight: 7, quizTotal: 50 })] }, [
      event(2, { type: "state", state: runState({ stageIndex: 1 }) }),
      event(3, { type: "metrics", rows: [{ stageIndex: 1, step: 1, globalStep: 1, tokens: 1, trainMs: 1, quiz_right: 20 }] }),
    ]);
    expect(quizScores(tuning, "b")).toEqual({ base: 7, tuned: 20, total: 50, step: 1 });
    expect(quizScores(tuning, "live").base).toBeUndefined();
  });

  it("lends a run that trains its own base no figure of another", () => {
    const training = { ...started, checkpoints: [checkpoint("b", "pretrain", { quizRight: 7, quizTotal: 50 })] };
    expect(quizScores(training, "b").base).toBeUndefined();
  });

  it("shows the shipped models' scores before any run", () => {
    const shipped = { shipped: true, quizTotal: 60 };
    const state = { ...initialState, checkpoints: [checkpoint("b", "pretrain", { ...shipped, quizRight: 2 }), checkpoint("t", "sft", { ...shipped, quizRight: 44 })] };
    expect(quizScores(state)).toEqual({ base: 2, tuned: 44, total: 60 });
  });

  it.each([["preparing", true], ["running", true], ["paused", true], ["finished", false], ["stopped", false], ["failed", false]] as const)("a run that is %s can still train: %s", (phase, live) =>
    expect(isLive(runState({ phase }))).toBe(live),
  );
});

describe("defaultSides", () => {
  const base = checkpoint("base", "pretrain", { shipped: true });
  const tuned = checkpoint("tuned", "sft", { shipped: true, parentId: "base" });

  it("takes the shipped pair before any run, and nothing where there is nothing", () => {
    expect(defaultSides(null, [tuned, base])).toEqual({ base: "base", tuned: "tuned" });
    expect(defaultSides(null, [])).toEqual({ base: "", tuned: "" });
  });

  it("asks the model in training on its own side", () => {
    expect(defaultSides(runState(), [base])).toEqual({ base: "live", tuned: "" });
    expect(defaultSides(runState(), [base, tuned])).toEqual({ base: "live", tuned: "" });
    expect(defaultSides(runState({ stageIndex: 1 }), [base])).toEqual({ base: "base", tuned: "live" });
  });

  it("compares a run's tuned model with the base that the run trained", () => {
    const own = [checkpoint("own-base", "pretrain", { runId: "r1", createdMs: 5 }), checkpoint("own-tuned", "sft", { runId: "r1", createdMs: 6, parentId: "own-base" })];
    expect(defaultSides(runState({ phase: "finished", canSample: false }), [base, tuned, ...own])).toEqual({ base: "own-base", tuned: "own-tuned" });
  });

  it("does not ask a run that failed", () => expect(defaultSides(runState({ phase: "failed" }), [base]).base).toBe("base"));
});

describe("choosing what to tune", () => {
  const base = checkpoint("base", "pretrain", { shipped: true });

  it("prefers the shipped base, then the newest", () => {
    const newer = checkpoint("newer", "pretrain", { createdMs: 9 });
    expect(tuningBase([newer, base])?.id).toBe("base");
    expect(tuningBase([checkpoint("older", "pretrain"), newer])?.id).toBe("newer");
    expect(tuningBase([checkpoint("t", "sft")])).toBeUndefined();
  });

  it("takes a recipe of the base's shape that fine-tunes, else one that takes its shape on", () => {
    const plays = presetByName("shakespeare-char")!;
    expect(canTune(plays)).toBe(false);
    expect(tuningRecipe(base, plays, presets)?.name).toBe(recipe.name);
    const other = { ...base, model: { ...base.model, n_embd: 76 } };
    expect(tuningRecipe(other, plays, presets)).toMatchObject({ name: recipe.name, model: { n_embd: 76 } });
    expect(tuningRecipe(base, plays, [plays])).toBeUndefined();
    expect(tuningRecipe(undefined, plays, presets)).toBeUndefined();
  });
});

describe("the kernel lab's events", () => {
  it("gather its rows, and begin anew with what is told before anything is done", () => {
    const row = { shape: "N 4", status: "right", note: "" } as const;
    const lab = (body: Omit<EngineEventBody & { type: "lab" }, "type">): EngineEvent => event(1, { type: "lab", ...body }, "engine");
    const first = reduceEvents(initialState, [lab({ what: "N 4", done: 0, total: 2 }), lab({ row, done: 1, total: 2 }), lab({ what: "N 8", done: 1, total: 2 })]);
    expect(first.lab).toEqual({ what: "N 8", done: 1, total: 2, rows: [row] });
    expect(reduceEvents(first, [lab({ what: "compiling", done: 0, total: 2 })]).lab).toEqual({ what: "compiling", done: 0, total: 2, rows: [] });
    expect(first.bench).toBeNull();
  });
});

describe("own text", () => {
  it("fills the place that a recipe keeps for it, and only then is the recipe complete", () => {
    const waiting = presetByName("your-text")!;
    expect(wantsText(waiting)).toBe(true);
    const filled = withOwnText(waiting, "own:abc");
    expect(wantsText(filled)).toBe(false);
    expect(filled.stages[0].data).toEqual([{ corpus: "own:abc", weight: 1 }]);
    expect(waiting.stages[0].data[0].corpus).toBe("own");
  });

  it("replaces the pre-training text of any other recipe and leaves its fine-tuning alone", () => {
    const filled = withOwnText(recipe, "own:abc");
    expect(filled.stages[0].data).toEqual([{ corpus: "own:abc", weight: 1 }]);
    expect(filled.stages[1]).toEqual(recipe.stages[1]);
  });
});

describe("the marks of a timeline", () => {
  it("are the run's own checkpoints, and of a fork those that it can still go back to in the run it left", () => {
    const list = [checkpoint("a", "pretrain", { runId: "r0", globalStep: 5 }), checkpoint("b", "pretrain", { runId: "r0", globalStep: 8 }), checkpoint("c", "pretrain", { runId: "r0", globalStep: 9 }), checkpoint("d", "pretrain", { runId: "r1", globalStep: 12 }), checkpoint("e", "pretrain")];
    expect(marksOf(runState(), list).map(({ id }) => id)).toEqual(["d"]);
    expect(marksOf(runState({ branchId: "b" }), list).map(({ id }) => id)).toEqual(["a", "b", "d"]);
    expect(marksOf(runState({ branchId: "deleted" }), list).map(({ id }) => id)).toEqual(["d"]);
  });
});
