/**
 * What crosses the worker's border: commands go in as method calls (`EngineApi`), events come out in batches. Types only.
 * Everything here survives structured clone. Large arrays are copies; nobody holds a view of the engine's memory.
 */
import type { BenchRequest, BenchResult, BenchRow, BenchScene } from "./bench.ts";
import type { KernelList, KernelText, KernelTrainResult, KernelTrial, KernelVerdict } from "./kernel-lab.ts";
import type { CorpusChoices, CorpusPreview, IngestReport, OwnFile } from "./own-data.ts";
import type { StepProfile } from "./profile.ts";
import type { KnobChange, ModelConfig, Recipe } from "./recipe.ts";
import type { TuningReport } from "./tuning.ts";

export type BackendChoice = "auto" | "webgpu" | "cpu";

export interface DeviceReport {
  readonly kind: "webgpu" | "cpu";
  /** One short line for the device chip, such as "NVIDIA GeForce RTX 4070" or "CPU, WebAssembly SIMD". */
  readonly name: string;
  /** Why this one was taken, as a sentence. */
  readonly why: string;
  readonly fallbackAdapter: boolean;
  /** Of the CPU backend: how many share its work. `why` says why not more. */
  readonly threads?: number;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
}

export type RunPhase = "idle" | "preparing" | "running" | "paused" | "finished" | "stopped" | "failed";

/** "room": about 30 ms a submit, so that everything else stays smooth; "full": up to 250 ms. Changes no result. */
export type Pace = "room" | "full";

/** Where a run stands; sent whole on every change, never as a difference. */
export interface RunState {
  readonly runId: string;
  readonly phase: RunPhase;
  readonly recipe: Recipe;
  readonly stageIndex: number;
  /** Optimizer steps done in this stage. */
  readonly step: number;
  readonly stages: readonly StageProgress[];
  /** Filled with phase "failed", and when something went wrong that did not end the run. */
  readonly error?: ErrorReport;
  /** What is being prepared ("cleaning text", "training the tokenizer", ...), with the share done when known. */
  readonly preparing?: { readonly what: string; readonly share?: number };
  readonly saved?: { readonly checkpointId: string; readonly stage: string; readonly step: number; readonly atMs: number };
  /** What of the stage's data the model cannot hold and so was left out, as a sentence. */
  readonly leftOut?: string;
  /** Absent on the CPU backend, where a submit makes nobody wait. */
  readonly pace?: Pace;
  /** Of a fork: the checkpoint of another run that it went on from. */
  readonly branchId?: string;
  /** True once the model of the run has a tokenizer and weights, so that it can be asked. */
  readonly canSample: boolean;
  readonly parameters?: number;
  readonly memory?: MemoryReport;
  /** How the kernels of this run were chosen; `rows` are those that differ from what is usual. */
  readonly kernels?: TuningReport;
}

export interface StageProgress {
  readonly name: string;
  readonly kind: string;
  readonly steps: number;
  readonly done: number;
  readonly tokensPerStep: number;
  /** Training time spent and expected to remain, in milliseconds; pauses and hidden time are not in it. */
  readonly spentMs: number;
  readonly remainingMs?: number;
}

export interface MemoryReport {
  readonly totalBytes: number;
  readonly parts: readonly { readonly name: string; readonly bytes: number }[];
  readonly largestBufferBytes: number;
}

export interface ErrorReport {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** One optimizer step, or one evaluation: absent fields were not measured at that step. */
export interface MetricRow {
  readonly stageIndex: number;
  /** Step within the stage, counted from 1; `globalStep` over all stages. */
  readonly step: number;
  readonly globalStep: number;
  /** Tokens trained on so far, over all stages. */
  readonly tokens: number;
  /** Training time so far over all stages, milliseconds. */
  readonly trainMs: number;
  readonly "train/loss"?: number;
  readonly "val/loss"?: number;
  /** Fine-tuning: held-out loss of the pre-training data. */
  readonly "val/old_loss"?: number;
  /** Of a preference stage: share of held-out pairs whose chosen answer gained on the rejected one since the stage began. */
  readonly "val/preferred"?: number;
  /** Held-out loss of what each earlier stage learned, nats per target, by the stage's name. */
  readonly "val/earlier"?: Readonly<Record<string, number>>;
  readonly lr?: number;
  readonly grad_norm?: number;
  /** With dtype float16: what the loss was multiplied with, and 1 where the step was not taken, since gradients times it were not finite. */
  readonly loss_scale?: number;
  readonly skipped?: number;
  readonly tokens_per_sec?: number;
  readonly gflops_per_sec?: number;
  /** Held-out questions answered right, of `quiz_total`. */
  readonly quiz_right?: number;
  readonly quiz_total?: number;
}

/** One row of the batch being trained on, as the model sees it. */
export interface BatchRowView {
  readonly stageIndex: number;
  readonly step: number;
  readonly tokens: readonly TokenCell[];
}

export interface TokenCell {
  /** The input token as text, controls and bidi marks made visible. */
  readonly text: string;
  readonly targetText: string;
  /** Loss of predicting the target, nats; absent where masked. */
  readonly loss?: number;
  readonly masked: boolean;
  /** Most likely next tokens with probabilities, best first. */
  readonly top: readonly { readonly text: string; readonly p: number }[];
}

export interface NextWordView {
  readonly prompt: string;
  readonly step: number;
  readonly candidates: readonly { readonly id: number; readonly text: string; readonly p: number }[];
}

/** What a forward pass over a prompt did inside, of P tokens through L layers of NH heads. */
export interface InsideView {
  readonly prompt: string;
  /** Steps the model had been trained for in its stage. */
  readonly step: number;
  /** The P tokens as text. */
  readonly tokens: readonly string[];
  readonly layers: number;
  readonly heads: number;
  /** (L, NH, P, P): how much each token (row) looks at each (column). Rows sum to 1; nothing looks ahead. */
  readonly attention: Float32Array;
  /** By depth, then by token: what the model would say next if it ended there, best first. Depth 0 is the embedding, the last the whole model. */
  readonly lens: readonly (readonly (readonly { readonly text: string; readonly p: number }[])[])[];
  readonly note?: string;
}

/** Norms of the gradients of one optimizer step, before clipping, by parameter. */
export interface GradientNorms {
  readonly stageIndex: number;
  readonly step: number;
  /** Of all together: what the curve shows. */
  readonly total: number;
  /** `layer` counts from 0; null outside the blocks. */
  readonly parts: readonly { readonly name: string; readonly layer: number | null; readonly norm: number; readonly parameters: number }[];
}

/** A sample taken while training, for the timeline. */
export interface SampleView {
  readonly stageIndex: number;
  readonly step: number;
  readonly globalStep: number;
  readonly tokens: number;
  readonly prompt: string;
  readonly text: string;
}

/** Every event carries where and when it happened; `seq` counts per run from 1, so a page can re-read what it missed. */
export type EngineEvent = {
  readonly runId: string;
  readonly seq: number;
  readonly step: number;
  readonly timeMs: number;
} & EngineEventBody;

export type EngineEventBody =
  | { readonly type: "state"; readonly state: RunState }
  | { readonly type: "metrics"; readonly rows: readonly MetricRow[] }
  | { readonly type: "batch"; readonly row: BatchRowView }
  | { readonly type: "nextWord"; readonly view: NextWordView }
  | { readonly type: "sample"; readonly sample: SampleView }
  | { readonly type: "token"; readonly requestId: string; readonly side: string; readonly token: AnswerToken }
  | { readonly type: "answerDone"; readonly requestId: string; readonly side: string; readonly reason: "end" | "length" | "stopped" | "error"; readonly error?: ErrorReport; readonly note?: string }
  | { readonly type: "checkpoints"; readonly list: readonly CheckpointSummary[] }
  /** How far own files are read: the share of their bytes, 0 to 1. Run id "engine". */
  | { readonly type: "intake"; readonly intakeId: string; readonly share: number }
  /** The bench: what is timed next, or a row that is there. Run id "engine". */
  | { readonly type: "bench"; readonly done: number; readonly total: number; readonly what?: string; readonly row?: BenchRow }
  /** The kernel lab: what is tried next, or a shape that was. Run id "engine". */
  | { readonly type: "lab"; readonly done: number; readonly total: number; readonly what?: string; readonly row?: KernelTrial }
  | { readonly type: "notice"; readonly level: "info" | "warning" | "error"; readonly code: string; readonly text: string };

/** A token of an example as training sees it. */
export interface ChatPiece {
  readonly id: number;
  readonly text: string;
  /** A marker of the chat template. */
  readonly special: boolean;
  /** The loss lies on it. */
  readonly learned: boolean;
}

export interface AnswerToken {
  readonly id: number;
  readonly text: string;
  /** Special tokens of the template are shown as markers. */
  readonly special: boolean;
  readonly p: number;
}

export interface SamplingOptions {
  readonly temperature: number;
  /** 0 = off. */
  readonly top_k: number;
  /** 1 = off. */
  readonly top_p: number;
  readonly max_new_tokens: number;
  readonly seed: number;
}

export interface AskRequest extends SamplingOptions {
  readonly requestId: string;
  /** Which models answer: each side is a checkpoint's id, or "live" for the model being trained. */
  readonly sides: readonly { readonly side: string; readonly checkpointId: string }[];
  readonly prompt: string;
  /** Wrap the prompt in the chat template; off = plain continuation. */
  readonly chat: boolean;
}

export interface CheckpointSummary {
  readonly id: string;
  readonly parentId: string | null;
  readonly runId: string;
  readonly name: string;
  readonly stage: string;
  readonly stageKind: string;
  /** The stage within its run's recipe, and the steps done in it and over all stages. */
  readonly stageIndex: number;
  readonly step: number;
  readonly globalStep: number;
  readonly parameters: number;
  readonly bytes: number;
  readonly createdMs: number;
  readonly shipped: boolean;
  /** Optimizer state present: the run can be resumed from here, not only fine-tuned. */
  readonly resumable: boolean;
  readonly model: ModelConfig;
  /** Held-out loss as last measured, and the step over all stages at which that was; absent = at the checkpoint's own. */
  readonly valLoss?: number;
  readonly valStep?: number;
  readonly quizRight?: number;
  readonly quizTotal?: number;
}

export interface CorpusSummary {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly bytes: number;
  readonly kind: "text" | "chat" | "preferences";
  /** Of a person's own: what was taken in. */
  readonly report?: IngestReport;
}

export interface Calibration {
  readonly recipeName: string;
  readonly tokensPerSec: number;
  readonly stepMs: number;
  /** Expected milliseconds of each stage on this machine. */
  readonly stageMs: readonly number[];
  readonly memory: MemoryReport;
}

/** The engine's whole surface: own methods of one frozen object, every argument validated on the worker's side. */
export interface EngineApi {
  /** Picks a device, opens the store and the shipped base. The listener gets batches of events, at most ten a second. */
  start(options: { backend: BackendChoice; baseUrl: string }, listener: (events: readonly EngineEvent[]) => void): Promise<{ device: DeviceReport; checkpoints: readonly CheckpointSummary[]; corpora: readonly CorpusSummary[]; lastRunId: string | null }>;
  /** Prepares a run and, unless `paused`, trains. `fromCheckpoint` starts at the first stage after that checkpoint. */
  startRun(options: { recipe: Recipe; fromCheckpoint?: string; paused?: boolean }): Promise<{ runId: string }>;
  /** Opens the last run of the store, paused, with its curves. */
  openRun(runId: string): Promise<{ runId: string }>;
  play(): Promise<void>;
  pause(): Promise<void>;
  /** Exactly one optimizer step, then paused. */
  singleStep(): Promise<void>;
  /** Turns knobs from the next step on; saved before, written into the run's recipe. */
  turnKnobs(knobs: Omit<KnobChange, "step">): Promise<void>;
  /** Goes back to the checkpoint before where the run stands, as a fork, paused; what was trained since stays among the models. */
  undo(): Promise<{ runId: string }>;
  /** A sibling of a checkpoint's run, with its curves so far, paused where it was saved. */
  fork(checkpointId: string): Promise<{ runId: string }>;
  /** Ends the run after the step in flight; what was saved stays. */
  stop(): Promise<void>;
  /** Hidden pages train on, but their time is told apart. */
  setVisible(visible: boolean): Promise<void>;
  /** How long the GPU may be busy with one submit: room for the page and the desktop, or as long as is safe. A hidden page takes the latter. */
  setPace(pace: Pace): Promise<void>;
  /** Every launch of one training step of the run, timed between two steps; training waits meanwhile. */
  profileStep(): Promise<StepProfile>;
  /** Times the kernels that train, and whole steps, with rows told as they come. Refused while a run trains. Throws COMMAND, CANCELLED. */
  bench(request: BenchRequest, scene: BenchScene): Promise<BenchResult>;
  /** Ends the bench, or what the kernel lab does. */
  stopBench(): Promise<void>;
  /** The kernels that the lab offers, with the texts that are compiled of them. */
  listKernels(): Promise<KernelList>;
  /** Compiles a text, judges it at every shape, and times it where asked. Refused while a run trains or the bench runs, and on the CPU backend. Throws COMMAND, GPU_LOST, CANCELLED. */
  tryKernel(text: KernelText, timed: boolean): Promise<KernelVerdict>;
  /** The same without times, then 50 steps of the tiny reference training beside the shipped kernels. */
  trainKernel(text: KernelText): Promise<KernelTrainResult>;
  calibrate(recipe: Recipe): Promise<Calibration>;
  /** What each stage would allocate, one after another and never together; from recordings alone, so that nothing is allocated and a run that trains is not asked. Throws MEM_ESTIMATE, CONFIG_*. */
  planMemory(recipe: Recipe): Promise<readonly MemoryReport[]>;
  ask(request: AskRequest): Promise<void>;
  stopAnswer(requestId: string): Promise<void>;
  /** The prompt of the next-word panel; null turns it off. */
  watchNextWord(prompt: string | null): Promise<void>;
  /** The next-word view of any checkpoint, now. */
  nextWord(checkpointId: string, prompt: string, count: number): Promise<NextWordView>;
  /** Attention and lens of a forward pass over a prompt; a prompt longer than the model's context keeps its end. */
  lookInside(checkpointId: string | "live", prompt: string): Promise<InsideView>;
  /** Frees what looking took: a copy of a model's weights, and the meter of gradients. The next look opens it again. */
  closeInside(): Promise<void>;
  /** Of the run's newest step, while it trains measured every 2 s at most; null where no step was taken since it was opened. */
  gradientNorms(): Promise<GradientNorms | null>;
  /** Text as coloured pieces. */
  tokenize(checkpointId: string | "live", text: string): Promise<readonly { id: number; text: string }[]>;
  /** One question and answer in the chat template, as tokens. */
  chatPieces(checkpointId: string | "live", question: string, answer: string): Promise<readonly ChatPiece[]>;
  /**
   * Takes in one file, or several as one corpus under `name`. Keeps all of it or, with an error that names file, line and byte, nothing.
   * With an `intakeId`, "intake" events tell how far it is, and `stopIntake` ends it.
   */
  addCorpus(name: string, data: Blob | readonly OwnFile[], choices?: CorpusChoices, intakeId?: string): Promise<CorpusSummary>;
  /** That `addCorpus` rejects with CANCELLED and keeps nothing; an unknown id is ignored. */
  stopIntake(intakeId: string): Promise<void>;
  /** A look at files before they are taken in, with tokens estimated by a checkpoint's tokenizer where one is named. Keeps nothing. */
  previewCorpus(files: readonly OwnFile[], options?: { readonly choices?: CorpusChoices; readonly checkpointId?: string }): Promise<CorpusPreview>;
  /** Removes a person's own corpus and the tokens made from it. */
  deleteCorpus(id: string): Promise<void>;
  listCheckpoints(): Promise<readonly CheckpointSummary[]>;
  deleteCheckpoint(id: string): Promise<void>;
  /** A checkpoint as a zip that transformers opens. */
  exportCheckpoint(id: string): Promise<Blob>;
  /** The same back, or the files of such a folder one by one; returns what was opened. */
  importCheckpoint(name: string, data: Blob | readonly OwnFile[]): Promise<CheckpointSummary>;
  /** Events of a run after `seq`, for a page that missed some. */
  eventsSince(runId: string, seq: number): Promise<readonly EngineEvent[]>;
  dispose(): Promise<void>;
}
