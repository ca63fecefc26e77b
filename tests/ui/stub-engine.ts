/**
 * A stub of the engine that plays a believable run, so that the page can be looked at and measured without one. Everything in
 * it is made up; it is a test's prop and nothing else.
 */
import { Draws } from "../../src/core/random.ts";
import type {
  AskRequest, BenchRequest, BenchResult, BatchRowView, Calibration, ChatPiece, CheckpointSummary, CorpusChoices, CorpusPreview, CorpusSummary, OwnFile, EngineApi, EngineEvent, EngineEventBody, GradientNorms, InsideView, KernelList, KernelText, KernelTrainResult, KernelVerdict, KnobChange, Pace, StepProfile, MemoryReport, MetricRow, NextWordView, Recipe, RunPhase, RunState,
} from "../../src/protocol/index.ts";
import { presets } from "../../src/protocol/presets.ts";
import { stubCorpus, stubPreview } from "./stub-data.ts";
import { stubInside, stubNorms } from "./stub-inside.ts";
import { stubBench } from "./stub-bench.ts";
import { stopped, stubKernels, stubParity, stubVerdict } from "./stub-lab.ts";
import { stubProfile } from "./stub-profile.ts";
import { ANSWERS, SENTENCES, STORY, WORDS } from "./stub-texts.ts";

export interface StubOptions {
  /** Why the kernel lab can try nothing. */
  readonly lab?: string;
  readonly stepsPerSec?: number;
  /** Steps of each stage, times this: a fast run that must not end while it is watched. */
  readonly longer?: number;
  /** Where the engine stands when the page opens. */
  readonly scene?: "empty" | "preparing" | "running" | "tuning" | "paused" | "finished" | "failed" | "dead" | "no-models";
}

const BROKEN = "The loss is not a number at step 340; the first bad tensor is h.1.mlp.c_fc.weight. The checkpoint of step 300 is kept. Try a lower learning rate.";
const MEMORY: MemoryReport = { totalBytes: 21_400_000, parts: [{ name: "activations", bytes: 17_300_000 }, { name: "gradients", bytes: 1_600_000 }, { name: "moments", bytes: 1_500_000 }, { name: "parameters", bytes: 1_000_000 }], largestBufferBytes: 1_600_000 };
const DAY = 86_400_000;

export function stubCheckpoints(): CheckpointSummary[] {
  const model = presets[0].model;
  const common = { runId: "shipped", parameters: 334_000, bytes: 668_000, createdMs: Date.UTC(2026, 10, 1), shipped: true, resumable: false, model, quizTotal: 50 };
  return [
    { ...common, id: "base", parentId: null, name: "first-light", stage: "Pre-training", stageKind: "pretrain", stageIndex: 0, step: 1500, globalStep: 1500, valLoss: 1.912, quizRight: 3 },
    { ...common, id: "tuned", parentId: "base", name: "first-light, tuned", stage: "Fine-tuning", stageKind: "sft", stageIndex: 1, step: 120, globalStep: 1620, createdMs: common.createdMs + DAY, valLoss: 0.412, quizRight: 41 },
  ];
}

export class StubEngine implements EngineApi {
  private listener: (events: readonly EngineEvent[]) => void = () => undefined;
  private readonly draws = new Draws(7, "sample", { site: "tests/ui" });
  private checkpoints = stubCheckpoints();
  private run: RunState | null = null;
  private seq = 0;
  private log: EngineEvent[] = [];
  private timer: ReturnType<typeof setInterval> | undefined;
  private ticks = 0;
  /** Stage of the batch that was told last. */
  private shown = -1;
  private trainMs = 0;
  private tokens = 0;
  private globalStep = 0;
  private prompt: string | null = null;
  private readonly stopped = new Set<string>();
  private corpora: CorpusSummary[] = [];
  /** What the page asked for, by name, for tests. */
  readonly calls: string[] = [];

  constructor(private readonly options: StubOptions = {}) {}

  async start(_options: unknown, listener: (events: readonly EngineEvent[]) => void): ReturnType<EngineApi["start"]> {
    this.listener = listener;
    const { scene = "empty" } = this.options;
    if (scene === "dead") throw new Error("[GPU_BLOCKED] The GPU was lost twice in two minutes, and the browser gives none until the page is reloaded. What was saved is kept.");
    if (scene === "no-models") this.checkpoints = [];
    await pause(120);
    if (scene !== "empty" && scene !== "no-models") setTimeout(() => this.stage(scene), 30);
    return {
      device: {
        kind: "cpu", name: "CPU, WebAssembly SIMD", fallbackAdapter: false, features: ["simd"], limits: { maxBufferBytes: 2 ** 31 },
        why: "This browser offers no GPU to the page, so training runs on the processor, in WebAssembly with SIMD.",
      },
      checkpoints: this.checkpoints, corpora: [], lastRunId: null,
    };
  }

  /** Brings a scene about at once: a run with its past in it. */
  private stage(scene: string): void {
    const recipe = { ...presets[0], stages: presets[0].stages.map((stage) => ({ ...stage, max_iters: stage.max_iters * (this.options.longer ?? 1) })) };
    this.begin(recipe, 0);
    if (scene === "preparing") return this.put({ phase: "preparing", preparing: { what: "training the tokenizer", share: 0.62 } });
    const past = { running: 620, paused: 620, tuning: 1556, finished: 1620, failed: 340 }[scene] ?? 0;
    for (let done = 0; done < past; done += 20) this.train(20);
    if (scene === "failed") {
      this.put({ phase: "failed", error: { code: "NONFINITE_LOSS", message: BROKEN, details: {} } });
      this.emit({ type: "notice", level: "warning", code: "STORAGE_FULL", text: "The last save did not fit: 4.0 MB were needed and 1.2 MB are free. Training goes on; delete a model to make room." });
    } else if (scene === "finished") this.finish();
    else this.put({ phase: scene === "paused" ? "paused" : "running" });
    if (scene === "running" || scene === "tuning") this.tick();
  }

  private begin(recipe: Recipe, firstStage: number): void {
    this.seq = 0;
    this.log = [];
    [this.ticks, this.trainMs, this.tokens, this.globalStep] = [0, 0, 0, 0];
    const stages = recipe.stages.map((stage, i) => ({
      name: stage.name, kind: stage.kind, steps: stage.max_iters, done: i < firstStage ? stage.max_iters : 0,
      tokensPerStep: stage.batch_size * recipe.model.block_size, spentMs: 0, remainingMs: i < firstStage ? 0 : stage.max_iters * 95,
    }));
    this.run = {
      runId: `run-${this.calls.length}`, phase: "preparing", recipe, stageIndex: firstStage, step: 0, stages, canSample: false, parameters: 334_000,
      memory: { totalBytes: 21_400_000, parts: [], largestBufferBytes: 1_600_000 },
      pace: "room",
      kernels: {
        spentMs: 3870, budgetMs: 4000, comparedMs: 620, sites: 48, timed: 31, remembered: 9,
        rows: [{ kernel: "matmulNT", dims: { M: 512, N: 128, K: 512 }, launches: 4, usual: "blocks-8x8-vec4", variant: "blocks-8x8", speedup: 1.4, candidates: [{ name: "blocks-8x8-vec4", ms: 1.4 }, { name: "blocks-8x8", ms: 1 }] }],
        wrong: [{ variant: "softmax/workgroup-per-row", why: "its result at softmax 64,33 differs from the plain variant's by 2.1e-1 of the largest value; 0.0001 is allowed" }],
      },
    };
    this.put({ preparing: { what: "cleaning text" } });
  }

  async startRun({ recipe, fromCheckpoint }: { recipe: Recipe; fromCheckpoint?: string }): Promise<{ runId: string }> {
    this.calls.push("startRun");
    this.begin(recipe, fromCheckpoint === undefined ? 0 : recipe.stages.findIndex((stage) => stage.kind === "sft"));
    setTimeout(() => this.put({ preparing: { what: "training the tokenizer", share: 0.4 } }), 150);
    setTimeout(() => this.play(), 350);
    return { runId: this.run!.runId };
  }

  async openRun(runId: string): Promise<{ runId: string }> {
    return { runId };
  }

  async play(): Promise<void> {
    this.calls.push("play");
    this.put({ phase: "running", preparing: undefined, canSample: true });
    this.tick();
  }

  async pause(): Promise<void> {
    this.calls.push("pause");
    clearInterval(this.timer);
    this.put({ phase: "paused" });
  }

  async singleStep(): Promise<void> {
    this.calls.push("singleStep");
    clearInterval(this.timer);
    this.train(1);
    if (this.run!.phase !== "finished") this.put({ phase: "paused" });
  }

  async stop(): Promise<void> {
    this.calls.push("stop");
    clearInterval(this.timer);
    this.put({ phase: "stopped" });
  }

  async chatPieces(_checkpointId: string, question: string, answer: string): Promise<ChatPiece[]> {
    const words = (text: string, learned: boolean): ChatPiece[] => text.split(/(?=\s)/).filter(Boolean).map((piece, i) => ({ id: 100 + i, text: piece, special: false, learned }));
    const marker = (text: string, learned = false): ChatPiece => ({ id: 1, text, special: true, learned });
    return [marker("<|user|>"), ...words(` ${question}`, false), marker("<|end|>"), marker("<|assistant|>"), ...words(` ${answer}`, true), marker("<|end|>", true)];
  }

  async turnKnobs(knobs: Omit<KnobChange, "step">): Promise<void> {
    this.calls.push(`turnKnobs ${JSON.stringify(knobs)}`);
    const { recipe, stageIndex, step } = this.run!;
    this.put({ recipe: { ...recipe, stages: recipe.stages.map((stage, i) => (i === stageIndex ? { ...stage, changes: [...(stage.changes ?? []), { step, ...knobs }] } : stage)) } });
  }

  async setPace(pace: Pace): Promise<void> {
    this.calls.push(`setPace ${pace}`);
    this.put({ pace });
  }

  async bench(request: BenchRequest): Promise<BenchResult> {
    this.calls.push(`bench ${request.suites.join(",")}`);
    this.benchStopped = false;
    const result = stubBench();
    for (const [i, row] of result.rows.entries()) {
      this.emit({ type: "bench", what: `${row.name} ${row.shape}`, done: i, total: result.rows.length });
      await new Promise((resolve) => setTimeout(resolve, 60));
      if (this.benchStopped) throw new Error("[CANCELLED] The bench was stopped; what was timed so far is shown.");
      this.emit({ type: "bench", row, done: i + 1, total: result.rows.length });
    }
    return result;
  }

  async listKernels(): Promise<KernelList> {
    return stubKernels(this.options.lab ?? "");
  }

  /** Every shape after a while, as the bench's rows. */
  private async tryRows(verdict: KernelVerdict): Promise<KernelVerdict> {
    this.benchStopped = false;
    for (const [i, row] of verdict.rows.entries()) {
      this.emit({ type: "lab", what: row.shape, done: i, total: verdict.rows.length });
      await new Promise((resolve) => setTimeout(resolve, 60));
      if (this.benchStopped) throw stopped();
      this.emit({ type: "lab", row, done: i + 1, total: verdict.rows.length });
    }
    return verdict;
  }

  async tryKernel(text: KernelText, timed: boolean): Promise<KernelVerdict> {
    this.calls.push(`tryKernel ${text.kernel}/${text.variant} ${timed}`);
    return this.tryRows(stubVerdict(text, timed));
  }

  async trainKernel(text: KernelText): Promise<KernelTrainResult> {
    this.calls.push(`trainKernel ${text.kernel}/${text.variant}`);
    const verdict = await this.tryRows(stubVerdict(text, false));
    return { verdict, parity: verdict.right ? stubParity(text) : null };
  }

  private benchStopped = false;

  async stopBench(): Promise<void> {
    this.benchStopped = true;
  }

  async profileStep(): Promise<StepProfile> {
    this.calls.push("profileStep");
    return stubProfile(this.run!);
  }

  async undo(): Promise<{ runId: string }> {
    this.calls.push("undo");
    return { runId: this.run!.runId };
  }

  async fork(checkpointId: string): Promise<{ runId: string }> {
    this.calls.push(`fork ${checkpointId}`);
    return { runId: this.run!.runId };
  }

  private tick(): void {
    clearInterval(this.timer);
    const each = (this.options.stepsPerSec ?? 12) / 10;
    let owed = 0;
    this.timer = setInterval(() => {
      owed += each;
      const steps = Math.floor(owed);
      owed -= steps;
      if (steps > 0) this.train(steps);
    }, 100);
  }

  /** Trains some steps and tells of them as one batch of events. */
  private train(steps: number): void {
    const run = this.run!;
    const bodies: EngineEventBody[] = [];
    const rows: MetricRow[] = [];
    let { stageIndex, step } = run;
    let stages = run.stages;
    for (let i = 0; i < steps && stages[stageIndex].done < stages[stageIndex].steps; i++) {
      step++;
      rows.push(...this.row(stageIndex, step));
      stages = stages.map((stage, s) => (s === stageIndex ? { ...stage, done: step, spentMs: stage.spentMs + 95, remainingMs: (stage.steps - step) * 95 } : stage));
      if (step === stages[stageIndex].steps) {
        this.save(stageIndex, step);
        if (stageIndex + 1 < stages.length) [stageIndex, step] = [stageIndex + 1, 0];
      }
    }
    this.run = { ...run, stageIndex, step, stages, canSample: true, phase: run.phase, preparing: undefined, ...(this.globalStep % 200 < steps ? { saved: { checkpointId: "x", stage: run.recipe.stages[stageIndex]!.name, step, atMs: Date.now() } } : {}) };
    bodies.push({ type: "metrics", rows }, { type: "state", state: this.run });
    if (this.ticks++ % 8 === 0 || this.shown !== this.run!.stageIndex) bodies.push({ type: "batch", row: this.batch() });
    if (this.ticks % 4 === 0 && this.prompt !== null) bodies.push({ type: "nextWord", view: this.guesses(this.prompt) });
    if (this.ticks % 12 === 1) bodies.push({ type: "sample", sample: { stageIndex, step, globalStep: this.globalStep, tokens: this.tokens, prompt: "Once upon a time", text: garble(STORY, this.skill, this.draws) } });
    if (bodies.length > 0) this.emit(...bodies);
    const last = this.run.stages[this.run.stages.length - 1];
    if (last.done === last.steps) this.finish();
  }

  private finish(): void {
    clearInterval(this.timer);
    this.put({ phase: "finished" });
  }

  private row(stageIndex: number, step: number): MetricRow[] {
    const stage = this.run!.recipe.stages[stageIndex];
    this.globalStep++;
    this.tokens += this.run!.stages[stageIndex].tokensPerStep;
    this.trainMs += 95;
    const noise = this.draws.nextFloat() - 0.5;
    const sft = stage.kind === "sft";
    const trend = sft ? 0.35 + 2.1 * Math.exp(-step / 22) : 1.75 + 5.1 * Math.exp(-step / 130) + 0.35 * Math.exp(-step / 900);
    const spike = !sft && step === 411 ? 1.4 : 0;
    const shared = { stageIndex, step, globalStep: this.globalStep, tokens: this.tokens, trainMs: this.trainMs };
    const share = step / stage.max_iters;
    const lr = stage.optimizer.learning_rate * Math.min(1, step / Math.max(1, stage.optimizer.warmup_iters)) * (0.55 + 0.45 * Math.cos(Math.PI * share));
    const out: MetricRow[] = [
      { ...shared, "train/loss": trend + noise * (sft ? 0.3 : 0.22) + spike, lr, grad_norm: 0.4 + 1.6 * Math.exp(-step / 90) + Math.abs(noise) * 0.3 + spike * 3, tokens_per_sec: 10_500 + noise * 900, gflops_per_sec: 21.4 + noise * 1.5 },
    ];
    if (stage.eval_interval > 0 && (step % stage.eval_interval === 0 || step === 1)) {
      out.push({ ...shared, "val/loss": trend + 0.06, ...(sft ? { "val/old_loss": 1.83 + 0.4 * (1 - Math.exp(-step / 40)) } : {}), quiz_right: sft ? Math.min(43, Math.round(46 * (1 - Math.exp(-step / 35)))) : Math.round(3 * share), quiz_total: 50 });
    }
    return out;
  }

  /** 0 = noise, 1 = sense. */
  private get skill(): number {
    return Math.min(1, this.globalStep / 1100);
  }

  private batch(): BatchRowView {
    const { stageIndex, step } = this.run!;
    this.shown = stageIndex;
    const sft = this.run!.stages[stageIndex].kind === "sft";
    const words = SENTENCES[this.draws.nextInt(SENTENCES.length)].split(/(?=[ .,])/);
    const tokens = words.slice(0, -1).map((text, i) => {
      const masked = sft && i < 8;
      // Where the answer begins the template's marker stands, and what follows it surprises.
      const marker = sft && i === 8;
      const loss = marker ? 7 : Math.max(0.02, (1 - this.skill * 0.75) * (0.4 + this.draws.nextFloat() * 6.2));
      const right = Math.exp(-loss);
      const others = [0.3, 0.2, 0.12, 0.06].map((share) => ({ text: WORDS[this.draws.nextInt(WORDS.length)], p: share * (1 - right) }));
      const top = [{ text: words[i + 1], p: right }, ...others].sort((a, b) => b.p - a.p);
      return { text: marker ? "<|assistant|>" : text, targetText: words[i + 1], loss: masked ? undefined : loss, masked, top };
    });
    return { stageIndex, step, tokens };
  }

  private guesses(prompt: string): NextWordView {
    const sharp = 0.25 + 2.2 * this.skill;
    const raw = WORDS.slice(0, 10).map((text, i) => ({ id: i, text, weight: Math.exp(sharp * (1 - i * 0.3 + (this.draws.nextFloat() - 0.5) * 0.3)) }));
    const sum = raw.reduce((total, { weight }) => total + weight, 0) * 1.25;
    return { prompt, step: this.run?.step ?? 0, candidates: raw.map(({ id, text, weight }) => ({ id, text, p: weight / sum })).sort((a, b) => b.p - a.p) };
  }

  private save(stageIndex: number, step: number): void {
    const { recipe, runId } = this.run!;
    const stage = recipe.stages[stageIndex];
    const parent = this.checkpoints.find((item) => item.runId === runId)?.id ?? (stage.kind === "sft" ? "base" : null);
    this.checkpoints = [
      ...this.checkpoints,
      { id: `${runId}-${stageIndex}`, parentId: parent, runId, name: recipe.name, stage: stage.name, stageKind: stage.kind, stageIndex, step, globalStep: this.globalStep, parameters: 334_000, bytes: 4_010_000, createdMs: Date.now() + stageIndex, shipped: false, resumable: true, model: recipe.model, valLoss: stage.kind === "sft" ? 0.44 : 1.86, quizRight: stage.kind === "sft" ? 42 : 3, quizTotal: 50 },
    ];
    this.emit({ type: "checkpoints", list: this.checkpoints });
  }

  async setVisible(visible: boolean): Promise<void> {
    this.calls.push(`setVisible ${visible}`);
  }

  async calibrate(recipe: Recipe): Promise<Calibration> {
    await pause(400);
    if (recipe.name === "gpu-10m") throw new Error("[MEM_ESTIMATE] gpu-10m needs 412 MB and this device allows 268 MB. Choose a smaller recipe.");
    return { recipeName: recipe.name, tokensPerSec: 10_480, stepMs: 95, stageMs: recipe.stages.map((stage) => stage.max_iters * 95), memory: MEMORY };
  }

  async planMemory(recipe: Recipe): ReturnType<EngineApi["planMemory"]> {
    if (recipe.model.n_layer > 20) throw new Error("[MEM_ESTIMATE] This model needs 90210 MiB; this device gives 4095 MiB. Nothing was allocated. Lower batch_size, block_size, n_embd or n_layer.");
    // The second stage takes less, as LoRA does.
    return recipe.stages.map((_, i) => ({ ...MEMORY, totalBytes: MEMORY.totalBytes - i * 1_000_000 }));
  }

  async ask(request: AskRequest): Promise<void> {
    this.calls.push("ask");
    await Promise.all(request.sides.map(({ side }) => this.answer(request, side)));
  }

  private async answer({ requestId, prompt, chat, seed }: AskRequest, side: string): Promise<void> {
    const known = ANSWERS[prompt] ?? ANSWERS["*"];
    const text = side === "tuned" && chat ? known.tuned : known.base;
    const pieces = text.split(/(?=[ .,])/);
    for (const [id, piece] of pieces.entries()) {
      await pause(side === "tuned" ? 34 : 30);
      if (this.stopped.has(requestId)) return this.emit({ type: "answerDone", requestId, side, reason: "stopped" });
      this.emit({ type: "token", requestId, side, token: { id: id + seed, text: piece, special: false, p: 0.8 } });
    }
    if (side === "tuned" && chat) this.emit({ type: "token", requestId, side, token: { id: 1, text: "<|end|>", special: true, p: 0.99 } });
    this.emit({ type: "answerDone", requestId, side, reason: side === "tuned" && chat ? "end" : "length" });
  }

  async stopAnswer(requestId: string): Promise<void> {
    this.calls.push("stopAnswer");
    this.stopped.add(requestId);
  }

  async watchNextWord(prompt: string | null): Promise<void> {
    this.prompt = prompt;
    if (prompt !== null) this.emit({ type: "nextWord", view: this.guesses(prompt) });
  }

  async nextWord(_checkpointId: string, prompt: string, _count: number): Promise<NextWordView> {
    this.globalStep ||= 900;
    return this.guesses(prompt);
  }

  async lookInside(checkpointId: string, prompt: string): Promise<InsideView> {
    this.calls.push(`lookInside ${checkpointId}`);
    return stubInside(prompt, this.run?.step ?? 0);
  }

  async closeInside(): Promise<void> {
    this.calls.push("closeInside");
  }

  async gradientNorms(): Promise<GradientNorms | null> {
    this.calls.push("gradientNorms");
    return this.run === null || this.globalStep === 0 ? null : stubNorms(this.run.stageIndex, this.run.step);
  }

  async tokenize(_checkpointId: string, text: string): Promise<readonly { id: number; text: string }[]> {
    return (text.match(/ ?[A-Za-z]{1,4}|[^A-Za-z]/g) ?? []).map((piece, id) => ({ id: 260 + id, text: piece }));
  }

  async addCorpus(name: string, data: Blob | readonly OwnFile[], choices: CorpusChoices = {}, intakeId = ""): Promise<CorpusSummary> {
    this.calls.push(`addCorpus ${name}`);
    const files = data instanceof Blob ? [{ name, data }] : data;
    if (files.every((file) => file.data.size === 0)) throw new Error(`[DATA_EMPTY] ${name} is empty; need at least context+1 = 65 tokens.`);
    // What a look at the first part cannot see.
    if (name.includes("torn") && (choices.encoding ?? "utf-8") === "utf-8") throw new Error(`[DATA_UTF8] "${name}" is not UTF-8: byte 1200000 (0xe9) cannot stand there. Nothing was changed. Save it as UTF-8, or open it as Latin-1, or with each wrong byte replaced.`);
    // A big one takes its time, as long as nobody stops it.
    for (let share = 0.1; name.includes("big") && share < 1; share += 0.01) {
      this.emit({ type: "intake", intakeId, share });
      await pause(100);
      if (this.stopped.has(intakeId)) throw new Error("[CANCELLED] Reading the files was stopped; nothing was changed.");
    }
    const corpus = stubCorpus(name, files, choices, this.corpora.length);
    this.corpora = [...this.corpora, corpus];
    return corpus;
  }

  async stopIntake(intakeId: string): Promise<void> {
    this.calls.push("stopIntake");
    this.stopped.add(intakeId);
  }

  async previewCorpus(files: readonly OwnFile[], { choices = {}, checkpointId }: { choices?: CorpusChoices; checkpointId?: string } = {}): Promise<CorpusPreview> {
    this.calls.push(`previewCorpus ${files.map(({ name }) => name).join(", ")}`);
    if (files.some(({ name }) => name.includes("slow"))) await pause(60_000);
    return stubPreview(files, choices, checkpointId !== undefined);
  }

  async deleteCorpus(id: string): Promise<void> {
    this.calls.push(`deleteCorpus ${id}`);
    this.corpora = this.corpora.filter((corpus) => corpus.id !== id);
  }

  async listCheckpoints(): Promise<readonly CheckpointSummary[]> {
    return this.checkpoints;
  }

  async deleteCheckpoint(id: string): Promise<void> {
    this.calls.push(`deleteCheckpoint ${id}`);
    this.checkpoints = this.checkpoints.filter((item) => item.id !== id);
  }

  async exportCheckpoint(id: string): Promise<Blob> {
    this.calls.push(`exportCheckpoint ${id}`);
    return new Blob(["zip"]);
  }

  async importCheckpoint(name: string, data: Blob | readonly OwnFile[]): Promise<CheckpointSummary> {
    this.calls.push(["importCheckpoint", name, ...(data instanceof Array && data.length > 1 ? data.map((file) => file.name) : [])].join(" "));
    const opened = { ...this.checkpoints[0], id: "opened", name, shipped: false };
    this.checkpoints = [...this.checkpoints, opened];
    return opened;
  }

  async eventsSince(_runId: string, seq: number): Promise<readonly EngineEvent[]> {
    this.calls.push("eventsSince");
    return this.log.filter((event) => event.seq > seq);
  }

  async dispose(): Promise<void> {
    clearInterval(this.timer);
  }

  private put(change: Partial<RunState> & { phase?: RunPhase }): void {
    if (this.run === null) return;
    this.run = { ...this.run, ...change };
    this.emit({ type: "state", state: this.run });
  }

  private emit(...bodies: readonly EngineEventBody[]): void {
    const at = { runId: this.run?.runId ?? "", step: this.run?.step ?? 0, timeMs: Date.now() };
    const events = bodies.map((body): EngineEvent => ({ ...at, seq: ++this.seq, ...body }));
    this.log = [...this.log.slice(-500), ...events];
    // Through structured clone, as a worker's border would.
    this.listener(structuredClone(events));
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Letters exchanged at random, fewer with skill: gibberish that turns into sense. */
function garble(text: string, skill: number, draws: Draws): string {
  const letters = "etaoinshrdlu cmfwyp";
  return [...text].map((letter) => (draws.nextFloat() < (1 - skill) ** 1.6 ? letters[draws.nextInt(letters.length)] : letter)).join("");
}
