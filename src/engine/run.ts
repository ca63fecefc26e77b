/**
 * One run: its stages in order, the turn loop, and what it says on the way. It decides nothing about when (`plan-turn.ts`),
 * computes nothing (`trainer.ts`), and leaves files to `run-files.ts`.
 */
import { describeError, NestlingError } from "../core/errors.ts";
import { Mutex } from "../core/mutex.ts";
import type { Tokenizer } from "../data/index.ts";
import type { AnswerToken, MetricRow, RunPhase, RunState } from "../protocol/messages.ts";
import type { KnobChange, Recipe, Stage } from "../protocol/recipe.ts";
import { stepsOf } from "../protocol/stage-steps.ts";
import { mergeLora } from "../model/lora.ts";
import { FULL_MS, ROOM_MS } from "../training/pacing.ts";
import { planTurn, type TurnAction } from "../training/plan-turn.ts";
import { Trainer, type TrainerState } from "../training/trainer.ts";
import { answer, type AnswerEnd, type AnswerRequest } from "./answer.ts";
import { programsOf, refuseRecipe } from "./calibrate.ts";
import * as check from "./check.ts";
import type { EventHub } from "./events.ts";
import type { ChosenKernels } from "./kernel-choices.ts";
import { RunClock, stageProgress } from "./run-clock.ts";
import { RunEvaluation } from "./run-evaluation.ts";
import { RunLooks } from "./run-looks.ts";
import type { RunOptions } from "./run-options.ts";
import { StageData } from "./stage-data.ts";
import { STEP_SKIPPED, stepRows } from "./step-rows.ts";

const CHECKPOINT_EVERY_MS = 60_000;
/** Points on the samples timeline of one stage. */
const SAMPLES_PER_STAGE = 24;
const DRAIN_STEPS = 10;
const DRAIN_MS = 250;
const MAX_IN_FLIGHT = 2;

export class Run {
  phase: RunPhase = "preparing";
  stageIndex: number;
  trainer: Trainer | null = null;
  kernels: ChosenKernels | null = null;
  tokenizer: Tokenizer | null = null;
  readonly clock: RunClock;
  readonly looks: RunLooks;
  readonly #mutex = new Mutex();
  readonly #stageData: StageData;
  /** The recipe with every knob turned so far in it. */
  recipe: Recipe;
  readonly #evaluation: RunEvaluation;
  #wish: "run" | "pause" | "stop" | "single";
  #wake: (() => void) | null = null;
  #last = { evaluated: -1, sampled: -1, saved: -1, savedMs: 0, drainedMs: 0 };
  #flight: Promise<void>[] = [];
  #latched = false;
  #closing = false;
  #preparing: RunState["preparing"];
  #error: RunState["error"];
  #saved: RunState["saved"];
  #steps: number[];
  #latest: Partial<MetricRow> = {};
  #ended: Promise<void> = Promise.resolve();
  #leftOut = "";

  constructor(readonly options: RunOptions) {
    const { recipe, saved } = options;
    this.recipe = recipe;
    this.stageIndex = options.stageIndex;
    this.#wish = options.paused ? "pause" : "run";
    this.#steps = recipe.stages.map((stage, i) => (i < this.stageIndex ? stepsOf(stage) : 0));
    this.clock = new RunClock(options.now, recipe.stages.length, saved?.clock);
    this.#stageData = new StageData(options.library, recipe, (what, share) => this.#prepare(what, share), () => this.#wish === "stop" || this.#closing);
    this.looks = new RunLooks(this, this.#stageData);
    this.#evaluation = new RunEvaluation(this);
  }

  get stage(): Stage { return this.recipe.stages[this.stageIndex]!; }

  get globalStep(): number { return this.#steps.reduce((sum, steps) => sum + steps, 0); }

  /** Starts preparing and then the loop; resolves when the run has ended. */
  start(): Promise<void> {
    this.#ended = this.#life();
    return this.#ended;
  }

  async #life(): Promise<void> {
    try {
      this.say();
      await this.#openStage(this.options.saved?.state ?? null, this.options.origin?.weights ?? null);
      await this.#loop();
    } catch (error) {
      const report = describeError(error);
      this.#error = report;
      this.#set(report.code === "CANCELLED" ? "stopped" : "failed");
    } finally {
      await this.options.files.close(this.phase);
    }
  }

  // --- stages

  async #openStage(resume: TrainerState | null, weights: TrainerState["weights"] | null): Promise<void> {
    const { options, recipe, stage } = this;
    this.#set("preparing");
    // Before any text is read: a model that cannot fit is refused at once.
    if (!resume) refuseRecipe({ ...recipe, stages: recipe.stages.slice(this.stageIndex) }, options.device.limits, options.origin?.config.vocab_size, this.looks.hasQuiz);
    this.tokenizer ??= options.saved?.tokenizer ?? options.origin?.tokenizer ?? (await this.#stageData.trainTokenizer());
    const source = await this.#stageData.source(stage, this.tokenizer, this.earlier);
    this.#leftOut = this.#stageData.leftOut;
    if (this.#leftOut !== "" && !resume) this.emit({ type: "notice", level: "warning", code: "DATA_TOO_LONG", text: this.#leftOut });
    await this.#evaluation.open(this.#stageData, this.tokenizer, resume ? options.saved : null);
    this.#prepare("Recording the model's programs");
    const vocabulary = options.origin?.config.vocab_size ?? this.tokenizer.vocabSize;
    const [programs, ...later] = recipe.stages.slice(this.stageIndex).map((each) => programsOf(recipe, each, vocabulary, each.batch_size, options.device.limits, this.looks.hasQuiz));
    // Once, for all stages: a run that is resumed in a later one has the same kernels.
    this.kernels ??= await options.kernels.choose([programs!, ...later], options.variants, {
      onProgress: (share) => this.#prepare("Timing and checking kernels on this GPU", share), shouldStop: () => this.#wish === "stop" || this.#closing,
      onChanged: (text) => this.emit({ type: "notice", level: "warning", code: "KERNELS_CHANGED", text }),
    });
    this.#prepare("Compiling kernels");
    this.trainer?.destroy();
    const trainer = await Trainer.create(options.device, programs!, stage, recipe.seed, source, { choices: this.kernels?.choices });
    this.trainer = trainer;
    const fresh = (name: string): boolean => name.includes(".lora_");
    if (resume) trainer.restore(resume);
    else if (weights) {
      trainer.loadWeights(weights, fresh);
      trainer.initialise(fresh);
    } else trainer.initialise();
    if (!resume) await trainer.beginStage(options.breathe, (share) => this.#prepare("Asking the reference model", share));
    this.#steps[this.stageIndex] = trainer.step;
    this.#last = { evaluated: resume ? trainer.step : -1, sampled: resume ? trainer.step : -1, saved: trainer.step, savedMs: options.now(), drainedMs: 0 };
    this.#preparing = undefined;
    this.#set(this.options.ended ?? (this.#wish === "run" || this.#wish === "stop" ? "running" : "paused"));
  }

  /** The stages that the weights went through before this one, from nothing on. */
  get earlier(): readonly Stage[] {
    const { origin } = this.options;
    return [...(origin?.lineage ?? []), ...this.recipe.stages.slice(origin?.firstStage ?? 0, this.stageIndex)];
  }

  // --- the loop

  async #loop(): Promise<void> {
    if (this.phase !== "running") await this.looks.now();
    while (this.phase === "running" || (this.phase === "paused" && !this.#closing)) {
      const actions = this.#turn();
      for (const action of actions) {
        const reached = this.trainer!.step;
        try {
          await this.#mutex.run(() => this.#act(action));
        } catch (error) {
          if (!(error instanceof NestlingError) || error.code !== "NONFINITE_LOSS") throw error;
          this.#latch(error);
          break;
        }
        // A skipped step put the run back behind what was planned, or an evaluation ended the stage: planned anew.
        if (this.trainer!.step < reached || (action.kind === "evaluate" && this.trainer!.step >= stepsOf(this.stage))) break;
      }
      if (actions.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
      else await this.options.breathe();
    }
    if (this.#closing && this.phase === "paused" && !this.#latched && this.#last.saved !== this.trainer!.step) await this.#mutex.run(() => this.#checkpoint());
  }

  #turn(): TurnAction[] {
    const { stage, trainer, options } = this;
    const last = this.#last;
    return planTurn({
      phase: this.phase, step: trainer!.step, maxIters: stepsOf(stage),
      evalInterval: stage.eval_interval, sampleEvery: Math.ceil(stage.max_iters / SAMPLES_PER_STAGE),
      evaluatedAt: last.evaluated, sampledAt: last.sampled, savedAt: last.saved,
      checkpointEveryMs: options.checkpointEveryMs ?? CHECKPOINT_EVERY_MS,
      // A pause is when people close the page, so it is a moment to save whatever the clock says.
      msSinceCheckpoint: this.#wish === "pause" ? Infinity : options.now() - last.savedMs,
      pauseRequested: this.#wish === "pause", stopRequested: this.#wish === "stop", singleStep: this.#wish === "single",
      latched: this.#latched, inFlight: this.#flight.length, maxInFlight: MAX_IN_FLIGHT,
      stageIndex: this.stageIndex, stageCount: this.recipe.stages.length,
    });
  }

  /** The weights are those before the bad step, so nothing is lost, and a person decides. The last good checkpoint stays the last. */
  #latch(error: NestlingError): void {
    this.#error = describeError(error);
    this.#latched = true;
    this.#steps[this.stageIndex] = this.trainer!.step;
    this.#last.saved = this.trainer!.step;
  }

  async #act(action: TurnAction): Promise<void> {
    switch (action.kind) {
      case "drain":
        if (action.to === 0) return this.drain();
        while (this.#flight.length > action.to) await this.clock.training(this.stageIndex, () => this.#flight.shift()!);
        return;
      case "step": return this.#step();
      case "evaluate": return this.#evaluate();
      case "sample":
        this.#last.sampled = this.trainer!.step;
        return this.looks.sample();
      case "checkpoint": return this.#checkpoint();
      case "pause":
        await this.drain();
        // Somebody pressed play while this turn was drained or saved.
        if ((action.reason === "requested" && this.#wish !== "pause") || (action.reason === "latched" && !this.#latched)) return;
        this.#wish = "pause";
        this.#set("paused");
        await this.looks.now();
        return this.options.files.record(this.phase);
      case "nextStage": return this.#nextStage();
      case "finish":
        await this.drain();
        return this.#set(action.reason === "done" ? "finished" : "stopped");
    }
  }

  async #step(): Promise<void> {
    const trainer = this.trainer!;
    trainer.pace.limitMs = this.clock.visible && this.options.pace.now === "room" ? ROOM_MS : FULL_MS;
    await this.clock.training(this.stageIndex, async () => {
      trainer.takeStep();
      const finished = this.options.device.finished();
      finished.catch(() => {}); // told when it is waited for
      this.#flight.push(finished);
    });
    this.#steps[this.stageIndex] = trainer.step;
    if (trainer.step - (this.#latest.step ?? 0) >= DRAIN_STEPS || this.options.now() - this.#last.drainedMs >= DRAIN_MS || this.#wish !== "run") await this.drain();
    await this.looks.whileTraining();
  }

  /** Reads what the steps so far measured and says it: good steps before a bad one first. */
  async drain(): Promise<void> {
    while (await this.#drainSome());
  }

  /** False where nothing was left to read. */
  async #drainSome(): Promise<boolean> {
    const trainer = this.trainer!;
    const { stage, stageIndex } = this;
    const metrics = await this.clock.training(stageIndex, async () => {
      await Promise.all(this.#flight.splice(0));
      return trainer.readMetrics();
    });
    this.#last.drainedMs = this.options.now();
    this.#steps[stageIndex] = trainer.step;
    if (metrics.length === 0) return false;
    const tokensPerStep = this.tokensPerStep(stage);
    const rate = this.clock.rate(metrics.length * tokensPerStep);
    if (rate) trainer.observeStep((tokensPerStep * 1000) / rate);
    this.tell(stepRows(metrics, {
      stageIndex, stepsBefore: this.globalStep - trainer.step, tokensBefore: this.tokensBefore(stageIndex), tokensPerStep, trainMs: this.clock.totalMs, rate,
      flops: (trainer.programs.flopsPerMicro * stage.gradient_accumulation_steps) / tokensPerStep,
    }));
    if (metrics.at(-1)!.skipped) this.emit(STEP_SKIPPED);
    this.say();
    return true;
  }

  /** Emits metric rows and keeps them for the log. */
  tell(rows: readonly MetricRow[]): void {
    this.#latest = { ...this.#latest, ...rows.at(-1)! };
    this.options.files.note("metrics", this.globalStep, rows);
    this.emit({ type: "metrics", rows });
  }

  async #evaluate(): Promise<void> {
    const trainer = this.trainer!;
    await this.drain();
    this.#last.evaluated = trainer.step;
    this.tell([await this.#evaluation.evaluate()]);
    const ended = this.#evaluation.endedAt(trainer.step);
    if (ended) await this.#replaceStage(ended);
    this.#latest = { ...this.#latest, ...this.#evaluation.endWithBest() };
  }

  async #checkpoint(): Promise<void> {
    await this.drain();
    const trainer = this.trainer!;
    this.#last.savedMs = this.options.now();
    this.#last.saved = trainer.step;
    const summary = await this.options.files.save(this, trainer, this.#latest, this.#evaluation.best);
    if (summary) this.#saved = { checkpointId: summary.id, stage: this.stage.name, step: trainer.step, atMs: summary.createdMs };
    this.say();
  }

  async #nextStage(): Promise<void> {
    const { config, lora } = this.trainer!.programs;
    const { weights } = await this.trainer!.snapshot(false);
    this.stageIndex++;
    this.#latest = {};
    // The next stage stands on the base with its adapter, not beside it.
    await this.#openStage(null, lora ? mergeLora(config, weights, lora) : weights);
  }

  // --- what the page asks

  play(): void { this.#wishFor("run"); }
  pause(): void { this.#wishFor("pause"); }
  singleStep(): void { this.#wishFor("single"); }
  /** The page may be about to go: the next turn saves, whatever the clock says. */
  saveSoon(): void { this.#last.savedMs = -Infinity; }

  async stop(): Promise<void> {
    this.#wishFor("stop");
    await this.#ended;
  }

  /** Turns knobs from the next step on; the change is part of the recipe from now on. */
  async turn(knobs: Omit<KnobChange, "step">): Promise<void> {
    await this.exclusive(async () => {
      const { trainer } = this;
      if (!trainer || (this.phase !== "running" && this.phase !== "paused")) throw new NestlingError("COMMAND", "There is nothing to turn a knob of: no stage of this run is training.");
      if (trainer.step >= stepsOf(this.stage)) return;
      // What undo goes back to.
      if (this.#last.saved !== trainer.step) await this.#checkpoint();
      await this.#replaceStage(check.turned(this.stage, { step: trainer.step, ...knobs }));
    });
    this.say();
  }

  async #replaceStage(stage: Stage): Promise<void> {
    this.recipe = { ...this.recipe, stages: this.recipe.stages.map((each, i) => (i === this.stageIndex ? stage : each)) };
    this.trainer!.stage = stage;
    await this.options.files.record(this.phase, this.recipe);
  }

  #wishFor(wish: "run" | "pause" | "stop" | "single"): void {
    this.#wish = wish;
    if (wish !== "pause" && wish !== "stop") {
      this.#error = undefined;
      this.#latched = false;
    }
    if (wish === "run" && this.phase === "paused") this.#set("running");
    this.#wake?.();
    this.#wake = null;
  }

  /** Runs between two steps, alone. */
  exclusive<T>(job: () => Promise<T>): Promise<T> {
    return this.#mutex.run(job);
  }

  /** An answer of the model as it stands; training waits meanwhile, so that one model gives all of it. */
  async ask(request: AnswerRequest, push: (token: AnswerToken) => void, stopped: () => boolean): Promise<AnswerEnd> {
    const { trainer, tokenizer } = this;
    if (!trainer || !tokenizer) throw new NestlingError("COMMAND", "This run has no model yet; wait until it is prepared.");
    return this.exclusive(() => answer(this.trainer!.ask, tokenizer, request, push, stopped, this.options.breathe));
  }

  /** Lets go of the run where it stands: saved and paused, so that it can be opened again. Not the same as `stop`. */
  async destroy(): Promise<void> {
    this.#closing = true;
    this.#wishFor("pause");
    await this.#ended;
    this.trainer?.destroy();
    this.trainer = null;
  }

  // --- what it says

  tokensPerStep(stage: Stage): number {
    return stage.batch_size * stage.gradient_accumulation_steps * this.recipe.model.block_size;
  }

  tokensBefore(stageIndex: number): number {
    const { tokens = 0, firstStage = 0 } = this.options.origin ?? {};
    return this.recipe.stages.slice(0, stageIndex).reduce((sum, stage, i) => sum + (i < firstStage ? 0 : this.#steps[i]! * this.tokensPerStep(stage)), tokens);
  }

  emit(body: Parameters<EventHub["emit"]>[2]): void {
    this.options.hub.emit(this.options.runId, this.globalStep, body);
  }

  #prepare(what: string, share?: number): void {
    this.#preparing = { what, ...(share === undefined ? {} : { share }) };
    this.say();
  }

  #set(phase: RunPhase): void {
    this.phase = phase;
    this.say();
  }

  get state(): RunState {
    const { recipe, trainer } = this;
    const stages = stageProgress(recipe.stages, this.#steps, this.clock, (stage) => this.tokensPerStep(stage));
    return {
      runId: this.options.runId, phase: this.phase, recipe, stageIndex: this.stageIndex, step: this.#steps[this.stageIndex]!, stages,
      ...(this.options.device.kind === "webgpu" ? { pace: this.options.pace.now } : {}), canSample: trainer !== null && this.phase !== "preparing",
      ...(this.#error ? { error: this.#error } : {}), ...(this.#preparing && this.phase === "preparing" ? { preparing: this.#preparing } : {}),
      ...(this.#leftOut === "" ? {} : { leftOut: this.#leftOut }), ...(this.#saved ? { saved: this.#saved } : {}), ...(this.options.files.options.branchId ? { branchId: this.options.files.options.branchId } : {}),
      ...(this.kernels?.report ? { kernels: this.kernels.report } : {}),
      ...(trainer ? { parameters: trainer.programs.parameters.count, memory: trainer.plan.report() } : {}),
    };
  }

  say(): void {
    this.emit({ type: "state", state: this.state });
  }
}
