/** The engine behind the protocol: one device, one run at a time, a shelf of models. Every argument is checked here, at the border. */
import { describeError, NestlingError } from "../core/errors.ts";
import type { Tokenizer } from "../data/index.ts";
import { presetByName } from "../protocol/presets.ts";
import { validateRecipe } from "../protocol/recipe-fields.ts";
import type { AskRequest, BackendChoice, CheckpointSummary, EngineApi, EngineEvent, EngineEventBody, Pace } from "../protocol/messages.ts";
import type { KnobChange, Recipe } from "../protocol/recipe.ts";
import { CheckpointStore, checkpointSummary, RunStore, type CheckpointContent, type Storage } from "../store/index.ts";
import { Asking, LIVE } from "./asking.ts";
import { Bench } from "./bench.ts";
import { calibrate, planRecipe } from "./calibrate.ts";
import * as check from "./check.ts";
import { chooseDevice, type ChosenDevice } from "./choose-device.ts";
import { CorpusLibrary } from "./corpora.ts";
import { workerEnvironment, type Environment } from "./environment.ts";
import { EventHub } from "./events.ts";
import { Inside } from "./inside.ts";
import { Intake } from "./intake.ts";
import { KernelLab } from "./kernel-lab.ts";
import { KernelChoices } from "./kernel-choices.ts";
import { ModelShelf, plainWeights, tokenizerOf } from "./models.ts";
import { profileStep } from "./profile.ts";
import { promptIds } from "./quiz.ts";
import { RunFiles, savedPoint } from "./run-files.ts";
import type { Origin } from "./run-options.ts";
import { Run } from "./run.ts";
import type { Threads } from "./threads.ts";
import { modelZip, readModel } from "./transfer.ts";
import { checkpointBefore } from "./undo.ts";
import { chatPieces, nextWordView, promptRow } from "./views.ts";

/** How a run begins: from nothing, from a checkpoint's weights, or where a checkpoint stood. */
interface Beginning {
  readonly recipe: Recipe;
  readonly from: CheckpointContent | null;
  readonly paused: boolean;
  readonly resume?: CheckpointContent | null;
  readonly ended?: "finished" | "stopped";
  /** The checkpoint of another run that this one was forked from. */
  readonly branchId?: string | null;
}

/** Events that belong to no run carry this. */
const NO_RUN = "engine";

class Engine implements EngineApi {
  #baseUrl = "";
  readonly #env: Environment;
  #storage: Storage | null = null;
  #chosen: ChosenDevice | null = null;
  #hub: EventHub | null = null;
  #run: Run | null = null;
  readonly #pace: { now: Pace } = { now: "room" };
  readonly #library: CorpusLibrary;
  readonly #shelf: ModelShelf;
  readonly #inside: Inside;
  #checkpoints: CheckpointStore | null = null;
  readonly #asking: Asking;
  readonly #intake: Intake;
  readonly #bench: Bench;
  readonly #lab: KernelLab;

  constructor(env?: Environment, threads?: Threads) {
    this.#env = env ?? workerEnvironment(() => this.#baseUrl, threads);
    this.#library = new CorpusLibrary(this.#env, () => this.#need(this.#storage));
    this.#shelf = new ModelShelf(this.#env, () => this.#need(this.#chosen).device, () => this.#need(this.#checkpoints));
    this.#inside = new Inside(() => this.#need(this.#chosen).device, this.#shelf, this.#env.now);
    this.#asking = new Asking({ shelf: this.#shelf, run: () => this.#current(), emit: (body) => this.#emit(body), breathe: this.#env.breathe });
    const say = (body: EngineEventBody): void => this.#hub?.emit(NO_RUN, 0, body);
    this.#bench = new Bench(this.#env, () => this.#need(this.#chosen), () => this.#run?.phase === "running" || this.#run?.phase === "preparing", say);
    this.#lab = new KernelLab(this.#env, () => this.#need(this.#chosen), this.#bench, say);
    this.#intake = new Intake(this.#library, this.#shelf, say);
  }

  #need<T>(part: T | null): T {
    if (part === null) throw new NestlingError("COMMAND", "The engine has not been started yet.");
    return part;
  }

  async start(options: { backend: BackendChoice; baseUrl: string }, listener: (events: readonly EngineEvent[]) => void): ReturnType<EngineApi["start"]> {
    if (this.#hub) throw new NestlingError("COMMAND", "The engine has been started already.");
    const backend = check.oneOf("backend", options?.backend, ["auto", "webgpu", "cpu"] as const);
    this.#baseUrl = check.text("baseUrl", options.baseUrl, 2000);
    this.#hub = new EventHub(this.#env.now, listener);
    try {
      this.#chosen = await chooseDevice(backend, this.#env, (why) => this.#notice("error", "GPU_LOST", `The GPU was lost (${why || "no reason given"}). Reload the page; the run continues from its last checkpoint.`),
        (why) => this.#notice("warning", "THREADS", `The CPU backend goes on with one thread, since of its threads ${why}. Results are the same, steps take longer; reload the page to have all again.`));
    } catch (error) {
      this.#hub = null;
      throw error;
    }
    const { storage, notice } = await this.#env.openStorage();
    this.#storage = storage;
    if (notice) this.#notice("warning", notice.code, notice.text);
    this.#checkpoints = new CheckpointStore(storage, { breathe: this.#env.breathe, onNotice: ({ code, text }) => this.#notice("warning", code, text) });
    await this.#checkpoints.sweep().catch((error: unknown) => this.#trouble(error));
    const { runs } = await new RunStore(storage).list();
    return { device: this.#chosen.report, checkpoints: await this.#shelf.list(), corpora: await this.#library.list(), lastRunId: runs[0]?.runId ?? null };
  }

  /** Tells the page, as of where the run stands. */
  #emit(body: EngineEventBody): void {
    this.#hub?.emit(this.#run?.options.runId ?? NO_RUN, this.#run?.globalStep ?? 0, body);
  }

  #notice(level: "info" | "warning" | "error", code: string, text: string): void {
    this.#emit({ type: "notice", level, code, text });
  }

  #trouble(error: unknown): void {
    const { code, message } = describeError(error);
    this.#notice("error", code, message);
  }

  // --- runs

  async startRun(options: { recipe: Recipe; fromCheckpoint?: string; paused?: boolean }): Promise<{ runId: string }> {
    const recipe = validateRecipe(options?.recipe);
    const from = options.fromCheckpoint === undefined ? null : await this.#shelf.content(check.id("fromCheckpoint", options.fromCheckpoint));
    const parentId = recipe.stages[0]!.kind === "sft" ? recipe.stages[0]!.parent : undefined;
    const content = from ?? (parentId === undefined ? null : await this.#shelf.content(parentId));
    return this.#begin(crypto.randomUUID(), { recipe, from: content, paused: options.paused === true });
  }

  async #begin(runId: string, { recipe: wanted, from, paused, resume = null, ended, branchId = null }: Beginning): Promise<{ runId: string }> {
    await this.#inside.close();
    await this.#run?.destroy();
    const storage = this.#need(this.#storage);
    const { device, report } = this.#need(this.#chosen);
    const origin = from && originOf(from, firstStage(wanted));
    // What an origin brings is not the recipe's to choose: the model's shape and the tokenizer come with the weights.
    const { vocab_size: _, ...model } = origin?.config ?? { ...wanted.model, vocab_size: 0 };
    const recipe: Recipe = { ...wanted, model };
    const stageIndex = resume ? Math.min(resume.manifest.stage.index + (resume.manifest.stage.finished && !ended ? 1 : 0), recipe.stages.length - 1) : (origin?.firstStage ?? 0);
    const runs = new RunStore(storage);
    const { log, records, notice } = await runs.openLog(runId, resume?.manifest.globalStep ?? 0);
    if (notice) this.#notice("warning", notice.code, notice.text);
    const checkpoints = this.#need(this.#checkpoints);
    const lock = await checkpoints.openRun(runId).catch((error: unknown) => {
      if (error instanceof NestlingError && error.code === "STORAGE_LOCKED") throw error;
      this.#trouble(error);
      return null;
    });
    const parent = resume && !resume.manifest.stage.finished && resume.manifest.id !== branchId
      ? resume.manifest.parentId === null ? null : { id: resume.manifest.parentId, key: resume.manifest.parentKey ?? "" }
      : (resume ?? from) && { id: (resume ?? from)!.manifest.id, key: (resume ?? from)!.manifest.key };
    const files = new RunFiles({
      runId, recipe, checkpoints, runs, log, lock, device: report, parent, originId: from?.manifest.id ?? null, branchId, createdMs: this.#env.date(), date: this.#env.date,
      onNotice: (level, code, text) => this.#notice(level, code, text),
      onSaved: () => void this.#tellCheckpoints(),
    });
    // A run that has ended is shown where it ended; any other goes on with the stage after a finished one.
    const goesOn = resume?.manifest.stage.finished === true && !ended;
    const midStage = resume && !goesOn ? savedPoint(resume) : null;
    const continued = goesOn ? originOf(resume, stageIndex) : origin;
    this.#run = new Run({
      runId, recipe, device, library: this.#library, hub: this.#need(this.#hub), files, origin: continued, stageIndex, saved: midStage, variants: resume?.manifest.variants ?? null, kernels: new KernelChoices(device, report, storage, this.#env),
      now: this.#env.now, breathe: this.#env.breathe, paused, ended, pace: this.#pace,
    });
    // Its first state begins a new page of curves; what was logged comes after it.
    this.#run.say();
    this.#need(this.#hub).flush();
    for (const { type, value } of records) {
      if (type === "metrics") this.#run.emit({ type: "metrics", rows: value as never });
      else if (type === "sample") this.#run.emit({ type: "sample", sample: value as never });
    }
    // On record from the start, so that a reload before the first checkpoint finds it too, and undo what it was forked from.
    if (!resume || resume.manifest.id === branchId) await files.record("preparing");
    void this.#run.start();
    return { runId };
  }

  async openRun(runId: string): Promise<{ runId: string }> {
    check.id("runId", runId);
    if (this.#run?.options.runId === runId) return { runId };
    const record = await new RunStore(this.#need(this.#storage)).load(runId);
    const recipe = validateRecipe(record.recipe);
    const { manifests } = await this.#need(this.#checkpoints).list(runId);
    const newest = manifests.at(-1);
    const originId = record.extra?.["originId"];
    const from = typeof originId === "string" ? await this.#shelf.content(originId) : null;
    const resume = newest ? await this.#need(this.#checkpoints).load(newest.id) : null;
    const lastStage = newest?.stage.index === recipe.stages.length - 1 && newest.stage.finished;
    const ended = lastStage ? "finished" : newest && record.phase === "stopped" ? "stopped" : undefined;
    const branch = record.extra?.["branchId"];
    const branchId = typeof branch === "string" ? branch : null;
    // A fork that has saved nothing yet stands where it began.
    const stands = resume ?? (branchId === null ? null : await this.#need(this.#checkpoints).load(branchId));
    return this.#begin(runId, { recipe, from, paused: true, resume: stands, ended, branchId });
  }

  async #tellCheckpoints(): Promise<void> {
    this.#emit({ type: "checkpoints", list: await this.#shelf.list() });
  }

  async fork(checkpointId: string): Promise<{ runId: string }> {
    const resume = await this.#shelf.content(check.id("checkpointId", checkpointId));
    const { manifest } = resume;
    if (!manifest.resume) throw new NestlingError("COMMAND", `"${manifest.name}" holds no optimizer state, so it cannot go on where it stood. Fine-tune it instead.`, { checkpointId });
    if (manifest.stage.finished && manifest.stage.index === manifest.recipe.stages.length - 1) throw new NestlingError("COMMAND", `"${manifest.name}" is the end of its recipe, so nothing is left to train. Fork an earlier checkpoint, or fine-tune this one.`, { checkpointId });
    const checkpoints = this.#need(this.#checkpoints);
    await checkpoints.pin(checkpointId, true);
    const runs = new RunStore(this.#need(this.#storage));
    const originId = await runs.load(manifest.runId).then((record) => record.extra?.["originId"], () => undefined);
    const from = typeof originId === "string" ? await this.#shelf.content(originId) : null;
    const runId = crypto.randomUUID();
    // The parent's run writes what it has logged before it is copied.
    if (this.#run?.options.runId === manifest.runId) await this.#run.destroy();
    await runs.copyLog(manifest.runId, runId, manifest.globalStep);
    return this.#begin(runId, { recipe: manifest.recipe, from, paused: true, resume, branchId: checkpointId });
  }

  async undo(): Promise<{ runId: string }> {
    const run = this.#current();
    const { manifests } = await this.#need(this.#checkpoints).list();
    const back = await checkpointBefore({ runId: run.options.runId, globalStep: run.globalStep, recipe: run.recipe }, manifests, new RunStore(this.#need(this.#storage)));
    if (back === undefined) throw new NestlingError("COMMAND", `There is no checkpoint before step ${run.globalStep} to go back to. One is saved every 60 s, at a pause, before a knob is turned, and at the end of a stage; the newest two, the best of a stage and those before the last ten turns are kept.`);
    return this.fork(back);
  }

  async turnKnobs(knobs: Omit<KnobChange, "step">): Promise<void> {
    await this.#current().turn(check.knobs(knobs));
  }

  #current(): Run {
    if (!this.#run) throw new NestlingError("COMMAND", "There is no run. Start one first.");
    return this.#run;
  }

  async play(): Promise<void> { this.#current().play(); }
  async pause(): Promise<void> { this.#current().pause(); }
  async singleStep(): Promise<void> { this.#current().singleStep(); }
  async stop(): Promise<void> { await this.#current().stop(); }

  async setVisible(visible: boolean): Promise<void> {
    if (!this.#run) return;
    this.#run.clock.visible = visible === true;
    // A hidden page is often a page about to go.
    if (visible !== true) this.#run.saveSoon();
  }

  async setPace(pace: Pace): Promise<void> {
    this.#pace.now = check.oneOf("pace", pace, ["room", "full"] as const);
    this.#run?.say();
  }

  async profileStep(): ReturnType<EngineApi["profileStep"]> { return profileStep(this.#current(), this.#need(this.#chosen).report.name, this.#env); }
  async bench(...given: Parameters<EngineApi["bench"]>): ReturnType<EngineApi["bench"]> { return this.#bench.run(...given); }
  async stopBench(): Promise<void> { this.#bench.stop(); }
  async listKernels(): ReturnType<EngineApi["listKernels"]> { return this.#lab.list(); }
  async tryKernel(...given: Parameters<EngineApi["tryKernel"]>): ReturnType<EngineApi["tryKernel"]> { return this.#lab.try(...given); }
  async trainKernel(...given: Parameters<EngineApi["trainKernel"]>): ReturnType<EngineApi["trainKernel"]> { return this.#lab.train(...given); }

  async calibrate(recipe: Recipe): ReturnType<EngineApi["calibrate"]> {
    if (this.#run?.phase === "running") throw new NestlingError("COMMAND", "The machine is training; its own speed is shown. Pause it to calibrate another recipe.");
    return calibrate(this.#need(this.#chosen).device, validateRecipe(recipe), this.#env.now, this.#env.breathe);
  }

  async planMemory(recipe: Recipe): ReturnType<EngineApi["planMemory"]> {
    const valid = validateRecipe(recipe);
    const [first] = valid.stages;
    const parent = first!.kind === "sft" && first!.parent !== undefined ? await this.#shelf.manifest(first!.parent) : null;
    return planRecipe(valid, this.#need(this.#chosen).device.limits, parent);
  }

  // --- answers

  async ask(request: AskRequest): Promise<void> {
    await this.#asking.ask(request);
  }

  async stopAnswer(requestId: string): Promise<void> {
    this.#asking.stop(requestId);
  }

  async watchNextWord(prompt: string | null): Promise<void> {
    const run = this.#run;
    if (!run) return;
    run.looks.watched = prompt === null ? null : check.text("prompt", prompt, 10_000);
    if (prompt !== null && run.phase !== "preparing") await run.exclusive(() => run.looks.nextWord());
  }

  async nextWord(checkpointId: string, prompt: string, count: number): ReturnType<EngineApi["nextWord"]> {
    const { inference, tokenizer, config, manifest } = await this.#shelf.open(check.id("checkpointId", checkpointId));
    check.text("prompt", prompt, 10_000, 0);
    const { row, last } = promptRow(promptIds(tokenizer, prompt, false), config.block_size);
    const probs = await inference.probabilities(row);
    const V = config.vocab_size;
    return nextWordView(prompt, manifest.step, probs.subarray(last * V, (last + 1) * V), tokenizer, check.whole("count", count, 1, 100));
  }

  async lookInside(checkpointId: string, prompt: string): ReturnType<EngineApi["lookInside"]> {
    check.text("prompt", prompt, 10_000, 0);
    return checkpointId === LIVE ? this.#inside.live(this.#current(), prompt) : this.#inside.checkpoint(check.id("checkpointId", checkpointId), prompt);
  }

  closeInside(): Promise<void> {
    return this.#inside.close();
  }

  async gradientNorms(): ReturnType<EngineApi["gradientNorms"]> {
    return this.#inside.norms(this.#current());
  }

  async #tokenizer(checkpointId: string): Promise<Tokenizer> {
    const live = checkpointId === LIVE ? this.#current().tokenizer : null;
    if (checkpointId === LIVE && !live) throw new NestlingError("COMMAND", "This run has no tokenizer yet.");
    return live ?? (await this.#shelf.open(check.id("checkpointId", checkpointId))).tokenizer;
  }

  async tokenize(checkpointId: string, text: string): ReturnType<EngineApi["tokenize"]> {
    check.text("text", text, 200_000, 0);
    const tokenizer = await this.#tokenizer(checkpointId);
    return tokenizer.pieces(tokenizer.encode(text)).map(({ id, text: piece }) => ({ id, text: piece }));
  }

  async chatPieces(checkpointId: string, question: string, answer: string): ReturnType<EngineApi["chatPieces"]> {
    return chatPieces(await this.#tokenizer(checkpointId), check.text("question", question, 10_000, 0), check.text("answer", answer, 10_000, 0));
  }

  // --- data and models

  addCorpus(...given: Parameters<EngineApi["addCorpus"]>): ReturnType<EngineApi["addCorpus"]> {
    return this.#intake.add(...given);
  }

  async stopIntake(intakeId: string): Promise<void> {
    this.#intake.stop(intakeId);
  }

  previewCorpus(...given: Parameters<EngineApi["previewCorpus"]>): ReturnType<EngineApi["previewCorpus"]> {
    return this.#intake.preview(...given);
  }

  async deleteCorpus(id: string): Promise<void> {
    check.text("id", id, 100);
    if (this.#run?.recipe.stages.some(({ data }) => data.some(({ corpus }) => corpus === id))) {
      throw new NestlingError("COMMAND", "The run that is open reads this text. Start or open another run first; nothing was deleted.", { id });
    }
    await this.#library.remove(id);
  }

  listCheckpoints(): Promise<readonly CheckpointSummary[]> {
    return this.#shelf.list();
  }

  async deleteCheckpoint(id: string): Promise<void> {
    await this.#shelf.delete(check.id("id", id));
    await this.#inside.close();
    await this.#tellCheckpoints();
  }

  async exportCheckpoint(id: string): Promise<Blob> {
    return modelZip(await this.#shelf.content(check.id("id", id)));
  }

  async importCheckpoint(name: string, data: Parameters<EngineApi["importCheckpoint"]>[1]): Promise<CheckpointSummary> {
    const input = await readModel(check.text("name", name, 500), data);
    const manifest = await this.#need(this.#checkpoints).save({ ...input, pinned: true });
    await this.#tellCheckpoints();
    return checkpointSummary(manifest);
  }

  async eventsSince(runId: string, seq: number): Promise<readonly EngineEvent[]> {
    return this.#need(this.#hub).since(check.id("runId", runId), check.whole("seq", seq, 0, Number.MAX_SAFE_INTEGER));
  }

  async dispose(): Promise<void> {
    this.#asking.stopAll();
    this.#intake.stopAll();
    this.#bench.stop();
    this.#lab.close();
    await this.#inside.close();
    await this.#run?.destroy();
    this.#run = null;
    this.#shelf.closeAll();
    this.#library.close();
    this.#hub?.flush();
    this.#hub?.dispose();
    this.#chosen?.device.destroy();
  }
}

function originOf(content: CheckpointContent, firstStage: number): Origin {
  const { manifest } = content;
  return { checkpointId: manifest.id, key: manifest.key, config: manifest.model, tokenizer: tokenizerOf(manifest), weights: plainWeights(content), recipe: manifest.recipe, tokens: manifest.tokens, firstStage };
}

/** From a checkpoint, training begins with the first fine-tuning stage; from nothing, with the first of all. */
function firstStage(recipe: Recipe): number {
  const index = recipe.stages.findIndex((stage) => stage.kind === "sft");
  if (index < 0) throw new NestlingError("CONFIG_RANGE", `The recipe "${recipe.name}" has no fine-tuning stage, so there is nothing to do from a checkpoint. Use "${presetByName("first-light")!.name}", or start from nothing.`, { field: "stages" });
  return index;
}

/** @param threads where `env` is left out: what the worker that it runs in gives */
export function createEngine(env?: Environment, threads?: Threads): EngineApi {
  return new Engine(env, threads);
}
