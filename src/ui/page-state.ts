/**
 * Everything the page shows, as one value, and the pure function that takes it from one engine event to the next. Knows no
 * worker, no element and no clock.
 */
import type {
  AnswerToken, BatchRowView, BenchRow, Calibration, CheckpointSummary, CorpusSummary, DeviceReport, EngineEvent, ErrorReport, NextWordView, RunState, SampleView, KernelTrial,
} from "../protocol/index.ts";
import { Curves } from "./charts/series.ts";

export type Side = "base" | "tuned";

/** One side's answer to the question asked last. */
export interface Answer {
  readonly side: Side;
  readonly model: string;
  readonly tokens: readonly AnswerToken[];
  readonly status: "waiting" | "streaming" | "done";
  readonly reason?: "end" | "length" | "stopped" | "error";
  readonly error?: ErrorReport;
  readonly note?: string;
}

/** One question and its answers. */
export interface Exchange {
  readonly requestId: string;
  readonly prompt: string;
  readonly chat: boolean;
  readonly seed: number;
  readonly answers: readonly Answer[];
}

export interface Notice {
  readonly id: number;
  readonly level: "info" | "warning" | "error";
  readonly code: string;
  readonly text: string;
  /** How often the same came in a row. */
  readonly times: number;
}

export type CalibrationState = { readonly status: "measuring" } | { readonly status: "done"; readonly value: Calibration } | { readonly status: "failed"; readonly error: ErrorReport };

/** How far the bench is, and the rows that are there. */
export interface BenchProgress {
  readonly what: string;
  readonly done: number;
  readonly total: number;
  readonly rows: readonly BenchRow[];
}

/** How far the kernel lab is, and the shapes that it tried. */
export interface LabProgress {
  readonly what: string;
  readonly done: number;
  readonly total: number;
  readonly rows: readonly KernelTrial[];
}

export interface PageState {
  readonly link: "connecting" | "ready" | "dead";
  readonly linkError?: ErrorReport;
  readonly device?: DeviceReport;
  readonly checkpoints: readonly CheckpointSummary[];
  readonly corpora: readonly CorpusSummary[];
  readonly run: RunState | null;
  /** The run that curves, samples and batch belong to; its first state may come after its first curves. */
  readonly runId: string | null;
  readonly curves: Curves;
  readonly batch: BatchRowView | null;
  readonly nextWord: NextWordView | null;
  readonly samples: readonly SampleView[];
  readonly exchange: Exchange | null;
  readonly notices: readonly Notice[];
  readonly calibrations: Readonly<Record<string, CalibrationState>>;
  readonly bench: BenchProgress | null;
  readonly lab: LabProgress | null;
  /** Time this page was hidden while a run was training. */
  readonly hiddenMs: number;
  /** Measured on a short passage with the live model's tokenizer. */
  readonly tokensPerWord?: number;
}

export const initialState: PageState = {
  link: "connecting",
  checkpoints: [],
  corpora: [],
  run: null,
  runId: null,
  curves: Curves.empty,
  batch: null,
  nextWord: null,
  samples: [],
  exchange: null,
  notices: [],
  calibrations: {},
  bench: null,
  lab: null,
  hiddenMs: 0,
};

/** Samples kept for the timeline; past it, every second one of the older half goes. */
const SAMPLE_LIMIT = 400;

/** The state after a batch of events. */
export function reduceEvents(state: PageState, events: readonly EngineEvent[]): PageState {
  return events.reduce(reduceEvent, state);
}

function reduceEvent(state: PageState, event: EngineEvent): PageState {
  switch (event.type) {
    case "state":
      return { ...ofRun(state, event.runId), run: event.state };
    case "metrics": {
      const own = ofRun(state, event.runId);
      return { ...own, curves: own.curves.append(event.rows) };
    }
    case "batch":
      return { ...ofRun(state, event.runId), batch: event.row };
    case "nextWord":
      return { ...state, nextWord: event.view };
    case "sample": {
      const own = ofRun(state, event.runId);
      return { ...own, samples: thin([...own.samples, event.sample]) };
    }
    case "token":
      return withAnswer(state, event.requestId, event.side, (answer) => ({ ...answer, status: "streaming", tokens: [...answer.tokens, event.token] }));
    case "answerDone":
      return withAnswer(state, event.requestId, event.side, (answer) => ({ ...answer, status: "done", reason: event.reason, error: event.error, note: event.note }));
    case "checkpoints":
      return { ...state, checkpoints: event.list };
    case "bench": {
      const { what, row, done, total } = event;
      // What is told before anything is done begins another bench.
      const rows = done === 0 ? [] : (state.bench?.rows ?? []);
      return { ...state, bench: { what: what ?? state.bench?.what ?? "", done, total, rows: row === undefined ? rows : [...rows, row] } };
    }
    case "lab": {
      const { what, row, done, total } = event;
      const rows = done === 0 ? [] : (state.lab?.rows ?? []);
      return { ...state, lab: { what: what ?? state.lab?.what ?? "", done, total, rows: row === undefined ? rows : [...rows, row] } };
    }
    case "intake":
      // How far a reading is stands with the dialog that asked for it, not with the page.
      return state;
    case "notice":
      return withNotice(state, event.level, event.code, event.text);
  }
}

/** The first event of another run clears what belonged to the one before. */
function ofRun(state: PageState, runId: string): PageState {
  if (state.runId === runId) return state;
  return { ...state, runId, run: null, curves: Curves.empty, batch: null, samples: [], exchange: null, hiddenMs: 0, tokensPerWord: undefined };
}

function withAnswer(state: PageState, requestId: string, side: string, change: (answer: Answer) => Answer): PageState {
  const exchange = state.exchange;
  // Tokens of a question that is no longer on the page arrive late and are dropped.
  if (exchange?.requestId !== requestId) return state;
  return { ...state, exchange: { ...exchange, answers: exchange.answers.map((answer) => (answer.side === side ? change(answer) : answer)) } };
}

/** The same notice again counts up in place of standing twice, and comes to the front. */
export function withNotice(state: PageState, level: Notice["level"], code: string, text: string): PageState {
  const same = state.notices.find((notice) => notice.code === code && notice.text === text);
  if (same) return { ...state, notices: [...state.notices.filter((notice) => notice !== same), { ...same, times: same.times + 1 }] };
  const id = Math.max(0, ...state.notices.map((notice) => notice.id)) + 1;
  return { ...state, notices: [...state.notices.slice(-4), { id, level, code, text, times: 1 }] };
}

function thin(samples: readonly SampleView[]): readonly SampleView[] {
  if (samples.length <= SAMPLE_LIMIT) return samples;
  const half = SAMPLE_LIMIT / 2;
  return [...samples.slice(0, half).filter((_, i) => i % 2 === 0), ...samples.slice(half)];
}

/** A run that can still train. */
export type LiveRun = RunState & { readonly phase: "preparing" | "running" | "paused" };

export function isLive(run: RunState | null): run is LiveRun {
  return run !== null && (run.phase === "preparing" || run.phase === "running" || run.phase === "paused");
}

/** Training time expected to remain over all stages; undefined while no stage has a figure. */
export function remainingMs(run: RunState): number | undefined {
  const known = run.stages.filter((stage) => stage.remainingMs !== undefined);
  return known.length === 0 ? undefined : known.reduce((sum, stage) => sum + (stage.remainingMs ?? 0), 0);
}

export interface QuizScores {
  readonly base?: number;
  readonly tuned?: number;
  readonly total: number;
  /** Step over all stages at which the newest was measured: they are asked rarely. */
  readonly step?: number;
}

/**
 * Held-out questions right, by base and by tuned model, as last measured.
 * @param baseId the checkpoint that stands for the base where the run trains none
 */
export function quizScores(state: PageState, baseId = ""): QuizScores {
  const { run, curves, checkpoints } = state;
  const shipped = checkpoints.find((checkpoint) => checkpoint.shipped && checkpoint.stageKind === "pretrain");
  const total = checkpoints.find((checkpoint) => checkpoint.quizTotal)?.quizTotal ?? 50;
  if (run === null) {
    const tuned = checkpoints.find((checkpoint) => checkpoint.stageKind !== "pretrain");
    return { base: shipped?.quizRight, tuned: tuned?.quizRight, total };
  }
  const lastOf = (pretrain: boolean): number | undefined => {
    let value: number | undefined;
    run.stages.forEach((stage, i) => {
      if ((stage.kind === "pretrain") === pretrain) value = curves.stages[i]?.quiz_right.last ?? value;
    });
    return value;
  };
  // A run that trains no base of its own is compared with the one it came from; any other only with itself.
  const own = run.stages.some((stage, i) => stage.kind === "pretrain" && (run.stageIndex === i || (curves.stages[i]?.["train/loss"].length ?? 0) > 0));
  const measured = own ? undefined : checkpoints.find((checkpoint) => checkpoint.id === baseId)?.quizRight;
  return { base: lastOf(true) ?? measured, tuned: lastOf(false), total, step: curves.lastStepOf("quiz_right") };
}
