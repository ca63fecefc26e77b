/** The engine behind the protocol: one device, the run in hand (`runs.ts`), a shelf of models (`models.ts`). Every argument is checked here, at the border. */
import { describeError, NestlingError } from "../core/errors.ts";
import type { Tokenizer } from "../data/index.ts";
import { validateRecipe } from "../protocol/recipe-fields.ts";
import type { AskRequest, BackendChoice, CheckpointSummary, EngineApi, EngineEvent, EngineEventBody, Pace } from "../protocol/messages.ts";
import type { KnobChange, Recipe } from "../protocol/recipe.ts";
import { CheckpointStore, checkpointSummary, RunStore, type Storage } from "../store/index.ts";
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
import { ModelShelf } from "./models.ts";
import { profileStep } from "./profile.ts";
import { promptIds } from "./quiz.ts";
import { Runs } from "./runs.ts";
import type { Threads } from "./threads.ts";
import { modelZip, readModel } from "./transfer.ts";
import { chatPieces, nextWordView, promptRow } from "./views.ts";

/** Events that belong to no run carry this. */
const NO_RUN = "engine";

class Engine implements EngineApi {
  #baseUrl = "";
  readonly #env: Environment;
  #storage: Storage | null = null;
  #chosen: ChosenDevice | null = null;
  #hub: EventHub | null = null;
  readonly #library: CorpusLibrary;
  readonly #shelf: ModelShelf;
  readonly #inside: Inside;
  #checkpoints: CheckpointStore | null = null;
  readonly #asking: Asking;
  readonly #intake: Intake;
  readonly #bench: Bench;
  readonly #lab: KernelLab;
  readonly #runs: Runs;
  /** Settled when what was begun before a bench is done: answers, measurements of recipes. */
  #under: Promise<unknown> = Promise.resolve();

  constructor(env?: Environment, threads?: Threads) {
    this.#env = env ?? workerEnvironment(() => this.#baseUrl, threads);
    this.#library = new CorpusLibrary(this.#env, () => this.#need(this.#storage));
    this.#shelf = new ModelShelf(this.#env, () => this.#need(this.#chosen).device, () => this.#need(this.#checkpoints));
    this.#inside = new Inside(() => this.#need(this.#chosen).device, this.#shelf, this.#env.now);
    this.#asking = new Asking({ shelf: this.#shelf, run: () => this.#runs.current, emit: (body) => this.#emit(body), breathe: this.#env.breathe });
    const say = (body: EngineEventBody): void => this.#hub?.emit(NO_RUN, 0, body);
    this.#bench = new Bench(this.#env, () => this.#need(this.#chosen), () => this.#runs.busy, say, () => this.#under);
    this.#lab = new KernelLab(this.#env, () => this.#need(this.#chosen), this.#bench, say);
    this.#intake = new Intake(this.#library, this.#shelf, say);
    this.#runs = new Runs({
      env: this.#env, library: this.#library, shelf: this.#shelf, storage: () => this.#need(this.#storage), checkpoints: () => this.#need(this.#checkpoints), chosen: () => this.#need(this.#chosen), hub: () => this.#need(this.#hub),
      notice: (...told) => this.#notice(...told), onLeave: () => this.#inside.close(), onSaved: () => void this.#tellCheckpoints(),
    });
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
    this.#hub?.emit(this.#runs.run?.options.runId ?? NO_RUN, this.#runs.run?.globalStep ?? 0, body);
  }

  #notice(level: "info" | "warning" | "error", code: string, text: string): void {
    this.#emit({ type: "notice", level, code, text });
  }

  #trouble(error: unknown): void {
    const { code, message } = describeError(error);
    this.#notice("error", code, message);
  }

  // --- runs

  async startRun(...given: Parameters<EngineApi["startRun"]>): ReturnType<EngineApi["startRun"]> {
    this.#bench.refuseBeside("a run");
    return this.#runs.start(...given);
  }

  async openRun(runId: string): ReturnType<EngineApi["openRun"]> { return this.#runs.open(runId); }
  async fork(checkpointId: string): ReturnType<EngineApi["fork"]> { return this.#runs.fork(checkpointId); }
  async undo(): ReturnType<EngineApi["undo"]> { return this.#runs.undo(); }

  async #tellCheckpoints(): Promise<void> {
    this.#emit({ type: "checkpoints", list: await this.#shelf.list() });
  }

  async turnKnobs(knobs: Omit<KnobChange, "step">): Promise<void> {
    await this.#runs.current.turn(check.knobs(knobs));
  }

  async play(): Promise<void> {
    this.#bench.refuseBeside("training");
    this.#runs.current.play();
  }

  async pause(): Promise<void> { this.#runs.current.pause(); }

  async singleStep(): Promise<void> {
    this.#bench.refuseBeside("a step");
    this.#runs.current.singleStep();
  }

  async stop(): Promise<void> { await this.#runs.current.stop(); }

  async setVisible(visible: boolean): Promise<void> {
    if (!this.#runs.run) return;
    this.#runs.run.clock.visible = visible === true;
    // A hidden page is often a page about to go.
    if (visible !== true) this.#runs.run.saveSoon();
  }

  async setPace(pace: Pace): Promise<void> {
    this.#runs.pace.now = check.oneOf("pace", pace, ["room", "full"] as const);
    this.#runs.run?.say();
  }

  async profileStep(): ReturnType<EngineApi["profileStep"]> {
    this.#bench.refuseBeside("a profile");
    return profileStep(this.#runs.current, this.#need(this.#chosen).report.name, this.#env);
  }

  async bench(...given: Parameters<EngineApi["bench"]>): ReturnType<EngineApi["bench"]> { return this.#bench.run(...given); }
  async stopBench(): Promise<void> { this.#bench.stop(); }
  async listKernels(): ReturnType<EngineApi["listKernels"]> { return this.#lab.list(); }
  async tryKernel(...given: Parameters<EngineApi["tryKernel"]>): ReturnType<EngineApi["tryKernel"]> { return this.#lab.try(...given); }
  async trainKernel(...given: Parameters<EngineApi["trainKernel"]>): ReturnType<EngineApi["trainKernel"]> { return this.#lab.train(...given); }

  async calibrate(recipe: Recipe): ReturnType<EngineApi["calibrate"]> {
    if (this.#runs.run?.phase === "running") throw new NestlingError("COMMAND", "The machine is training; its own speed is shown. Pause it to calibrate another recipe.");
    const { device } = this.#need(this.#chosen);
    const valid = validateRecipe(recipe);
    // Nobody asked for it, so it waits.
    return this.#beforeBench(this.#bench.ended.then(() => calibrate(device, valid, this.#env.now, this.#env.breathe)));
  }

  async planMemory(recipe: Recipe): ReturnType<EngineApi["planMemory"]> {
    const valid = validateRecipe(recipe);
    const [first] = valid.stages;
    const parent = first!.kind !== "pretrain" && first!.parent !== undefined ? await this.#shelf.manifest(first!.parent) : null;
    return planRecipe(valid, this.#need(this.#chosen).device.limits, parent);
  }

  /** A bench that is asked for waits until it is done. */
  #beforeBench<T>(work: Promise<T>): Promise<T> {
    this.#under = Promise.allSettled([this.#under, work]);
    return work;
  }

  // --- answers

  async ask(request: AskRequest): Promise<void> {
    this.#bench.refuseBeside("an answer");
    await this.#beforeBench(this.#asking.ask(request));
  }

  async stopAnswer(requestId: string): Promise<void> {
    this.#asking.stop(requestId);
  }

  async watchNextWord(prompt: string | null): Promise<void> {
    const run = this.#runs.run;
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
    return checkpointId === LIVE ? this.#inside.live(this.#runs.current, prompt) : this.#inside.checkpoint(check.id("checkpointId", checkpointId), prompt);
  }

  closeInside(): Promise<void> {
    return this.#inside.close();
  }

  async gradientNorms(): ReturnType<EngineApi["gradientNorms"]> {
    return this.#inside.norms(this.#runs.current);
  }

  async #tokenizer(checkpointId: string): Promise<Tokenizer> {
    const live = checkpointId === LIVE ? this.#runs.current.tokenizer : null;
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
    if (this.#runs.run?.recipe.stages.some(({ data }) => data.some(({ corpus }) => corpus === id))) {
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
    await this.#runs.close();
    this.#shelf.closeAll();
    this.#library.close();
    this.#hub?.flush();
    this.#hub?.dispose();
    this.#chosen?.device.destroy();
  }
}

/** @param threads where `env` is left out: what the worker that it runs in gives */
export function createEngine(env?: Environment, threads?: Threads): EngineApi {
  return new Engine(env, threads);
}
