/**
 * The one controller that owns the engine. It connects when its host does, turns events into state, and gives each command of
 * the page one method. It draws nothing, and no other module of the page holds the engine.
 */
import type { ReactiveController, ReactiveControllerHost } from "lit";
import type { AskRequest, BackendChoice, ChatPiece, CorpusChoices, CorpusPreview, CorpusSummary, EngineApi, EngineEvent, ErrorReport, GradientNorms, KnobChange, MemoryReport, OwnFile, Recipe, SamplingOptions } from "../protocol/index.ts";
import type { Answer, PageState, Side } from "./page-state.ts";
import { initialState, isLive, reduceEvents, withNotice } from "./page-state.ts";
import { PageWatch } from "./page-watch.ts";
import { formatDuration } from "./shared/format.ts";
import { defaultSides } from "./models/sides.ts";

export interface Connection {
  readonly api: EngineApi;
  /** Resolves when the engine can no longer answer. */
  readonly died?: Promise<ErrorReport>;
  dispose(): void;
}

export interface ControllerOptions {
  readonly connect: () => Promise<Connection>;
  readonly backend: BackendChoice;
  /** Where the shipped base lies, as an absolute URL. */
  readonly baseUrl: string;
}

export interface Question extends SamplingOptions {
  readonly prompt: string;
  readonly chat: boolean;
  readonly sides: readonly { readonly side: Side; readonly checkpointId: string; readonly model: string }[];
}

/** Plain English that no corpus of this project holds: what tokens per word is measured on. */
const PASSAGE =
  "The old man walked down to the river in the morning and sat under a tree. He had bread and cheese in his bag, and he gave a little " +
  "of it to the birds. When the rain came he went home, made a fire, and told the children a story about a fox who lost his way.";

const NO_ENGINE: ErrorReport = { code: "WORKER_DEAD", message: "The engine is not running. Reload the page to start it again.", details: {} };

export class RunController implements ReactiveController {
  private current: PageState = initialState;
  private connection: Connection | null = null;
  private generation = 0;
  private readonly watch = new PageWatch({
    running: () => this.current.run?.phase === "running",
    onVisible: (visible) => void this.connection?.api.setVisible(visible).catch(() => undefined),
    onBack: (hiddenMs) => {
      this.set({ ...this.current, hiddenMs: this.current.hiddenMs + hiddenMs });
      this.notify("info", "HIDDEN", `This tab was hidden for ${formatDuration(hiddenMs)} while training. That time is not counted in speed or time left.`);
    },
  });
  private asked = 0;
  /** Told while files are read: the share of their bytes. */
  onIntake: (intakeId: string, share: number) => void = () => undefined;

  constructor(
    private readonly host: ReactiveControllerHost,
    private readonly options: () => ControllerOptions,
  ) {
    host.addController(this);
  }

  get state(): PageState {
    return this.current;
  }

  hostConnected(): void {
    this.watch.begin();
    void this.open(++this.generation);
  }

  hostDisconnected(): void {
    this.generation++;
    this.watch.end();
    this.close();
  }

  private close(): void {
    const connection = this.connection;
    this.connection = null;
    if (connection === null) return;
    // The engine gets a moment to leave its storage tidy; a dead one must not keep the worker alive.
    const gone = new Promise((resolve) => setTimeout(resolve, 1000));
    void Promise.race([connection.api.dispose().catch(() => undefined), gone]).then(() => connection.dispose());
  }

  private async open(generation: number): Promise<void> {
    const { connect, backend, baseUrl } = this.options();
    this.set({ ...initialState });
    try {
      const connection = await connect();
      if (generation !== this.generation) return connection.dispose();
      this.connection = connection;
      const died = connection.died?.then((error) => {
        if (generation === this.generation) this.fail(error);
        throw new Error(error.message);
      });
      const listener = (events: readonly EngineEvent[]): void => {
        if (generation === this.generation) this.receive(events);
      };
      const started = connection.api.start({ backend, baseUrl }, listener);
      const first = await (died === undefined ? started : Promise.race([started, died]));
      died?.catch(() => undefined);
      if (generation !== this.generation) return;
      this.set({ ...this.current, device: first.device, checkpoints: first.checkpoints, corpora: first.corpora });
      // Ready only then: a page that still waits for its last run would begin to measure the machine for another.
      if (first.lastRunId !== null) await this.openRun(first.lastRunId);
      if (generation === this.generation && this.current.link === "connecting") this.set({ ...this.current, link: "ready" });
    } catch (error) {
      if (generation === this.generation && this.current.link !== "dead") this.fail(readError(error));
    }
  }

  /** Ends the engine that there is and starts another. */
  reconnect(): void {
    this.close();
    void this.open(++this.generation);
  }

  private fail(error: ErrorReport): void {
    this.set({ ...this.current, link: "dead", linkError: error });
  }

  private set(state: PageState): void {
    const wasRunning = this.current.run?.phase === "running";
    this.current = state;
    const running = state.run?.phase === "running" && state.link === "ready";
    if (running !== wasRunning) void this.watch.holdScreen(running);
    this.host.requestUpdate();
  }

  /** Batches come in order and none is lost on the way, so a jump in `seq` is only a view that a newer one replaced. */
  private receive(events: readonly EngineEvent[]): void {
    for (const event of events) if (event.type === "intake") this.onIntake(event.intakeId, event.share);
    this.set(reduceEvents(this.current, events));
    this.measureWords();
  }

  /** Runs a command; an error becomes a notice and `undefined`. */
  async attempt<T>(command: (api: EngineApi) => Promise<T>): Promise<T | undefined> {
    const connection = this.connection;
    if (connection === null) {
      this.tell("error", NO_ENGINE);
      return undefined;
    }
    try {
      return await command(connection.api);
    } catch (error) {
      const report = readError(error); // what cannot be done just now is no fault that must stay in sight
      this.tell(report.code === "COMMAND" ? "warning" : "error", report);
      return undefined;
    }
  }

  private tell(level: "info" | "warning" | "error", error: ErrorReport): void {
    this.set(withNotice(this.current, level, error.code, error.message));
  }

  notify(level: "info" | "warning" | "error", code: string, text: string): void {
    this.set(withNotice(this.current, level, code, text));
  }

  dismissNotice(id: number): void {
    this.set({ ...this.current, notices: this.current.notices.filter((notice) => notice.id !== id) });
  }

  // Running

  async startRun(recipe: Recipe, fromCheckpoint?: string): Promise<boolean> {
    return (await this.attempt((api) => api.startRun({ recipe, ...(fromCheckpoint === undefined ? {} : { fromCheckpoint }) }))) !== undefined;
  }

  async openRun(runId: string): Promise<void> {
    await this.attempt((api) => api.openRun(runId));
  }

  /** Leaves a run that has ended, back to the start. */
  clearRun(): void {
    if (!isLive(this.current.run)) this.set({ ...this.current, run: null, runId: null, curves: initialState.curves, batch: null, samples: [], nextWord: null });
  }

  async togglePlay(): Promise<void> {
    const phase = this.current.run?.phase;
    if (phase === "running") await this.attempt((api) => api.pause());
    else if (phase === "paused") await this.attempt((api) => api.play());
  }

  async singleStep(): Promise<void> {
    if (this.current.run?.phase === "paused" || this.current.run?.phase === "running") await this.attempt((api) => api.singleStep());
  }

  async turnKnobs(knobs: Omit<KnobChange, "step">): Promise<void> {
    if (isLive(this.current.run)) await this.attempt((api) => api.turnKnobs(knobs));
  }

  async undo(): Promise<void> {
    const from = this.current.run?.stages.reduce((sum, { done }) => sum + done, 0) ?? 0;
    const back = await this.attempt((api) => api.undo());
    if (back !== undefined) this.notify("info", "UNDONE", `Gone back from step ${from}, paused. What was trained since is still in Models.`);
  }

  async fork(checkpointId: string): Promise<void> {
    const forked = await this.attempt((api) => api.fork(checkpointId));
    if (forked !== undefined) this.notify("info", "FORKED", "A run of its own, paused at its checkpoint. The one it came from is still in Models.");
  }

  async stop(): Promise<void> {
    if (isLive(this.current.run)) await this.attempt((api) => api.stop());
  }

  /** Measures a recipe on this machine, once. */
  async calibrate(recipe: Recipe): Promise<void> {
    const key = JSON.stringify(recipe);
    if (this.current.calibrations[key] !== undefined || this.connection === null) return;
    const put = (value: PageState["calibrations"][string]): void => this.set({ ...this.current, calibrations: { ...this.current.calibrations, [key]: value } });
    put({ status: "measuring" });
    try {
      put({ status: "done", value: await this.connection.api.calibrate(recipe) });
    } catch (error) {
      put({ status: "failed", error: readError(error) });
    }
  }

  /** What each stage would allocate. The error comes back too, for the place where the recipe stands. */
  planMemory(recipe: Recipe): Promise<readonly MemoryReport[] | ErrorReport> {
    return this.tried((api) => api.planMemory(recipe));
  }

  // Asking

  async ask(question: Question): Promise<void> {
    const { prompt, chat, sides, ...sampling } = question;
    const requestId = `ask-${++this.asked}`;
    const answers = sides.map(({ side, model }): Answer => ({ side, model, tokens: [], status: "waiting" }));
    await this.stopAnswer();
    this.set({ ...this.current, exchange: { requestId, prompt, chat, seed: sampling.seed, answers } });
    const request: AskRequest = { ...sampling, requestId, prompt, chat, sides: sides.map(({ side, checkpointId }) => ({ side, checkpointId })) };
    const done = await this.attempt((api) => api.ask(request).then(() => true));
    if (done === undefined) await this.stopAnswer();
  }

  async stopAnswer(): Promise<void> {
    const exchange = this.current.exchange;
    if (exchange === null || exchange.answers.every((answer) => answer.status === "done")) return;
    const answers = exchange.answers.map((answer): Answer => (answer.status === "done" ? answer : { ...answer, status: "done", reason: "stopped" }));
    this.set({ ...this.current, exchange: { ...exchange, answers } });
    await this.connection?.api.stopAnswer(exchange.requestId).catch(() => undefined);
  }

  /** Follows a prompt while a run trains, asks its last model once it has ended; without a run, asks the base. */
  async watchNextWord(prompt: string): Promise<void> {
    if (prompt === "") return;
    const { run, checkpoints } = this.current;
    // An ended run keeps its last model, and that is what the panel is about.
    if (isLive(run) || run?.canSample === true) {
      await this.attempt((api) => api.watchNextWord(prompt));
      return;
    }
    const { base, tuned } = defaultSides(run, checkpoints);
    const from = base || tuned;
    if (from === "") return;
    const view = await this.attempt((api) => api.nextWord(from, prompt, 8));
    if (view !== undefined) this.set({ ...this.current, nextWord: view });
  }

  /** A command whose failure is shown where it was asked, not as a notice. */
  async tried<T>(command: (api: EngineApi) => Promise<T>): Promise<T | ErrorReport> {
    return this.connection === null ? NO_ENGINE : command(this.connection.api).catch(readError);
  }

  async closeInside(): Promise<void> {
    await this.connection?.api.closeInside().catch(() => undefined);
  }

  async gradientNorms(): Promise<GradientNorms | null> {
    return (await this.connection?.api.gradientNorms().catch(() => null)) ?? null;
  }

  async tokenize(checkpointId: string, text: string): Promise<readonly { id: number; text: string }[]> {
    return (await this.attempt((api) => api.tokenize(checkpointId, text))) ?? [];
  }

  async chatPieces(checkpointId: string, question: string, answer: string): Promise<readonly ChatPiece[]> {
    return (await this.attempt((api) => api.chatPieces(checkpointId, question, answer))) ?? [];
  }

  private measureWords(): void {
    const { run, tokensPerWord } = this.current;
    if (tokensPerWord !== undefined || run === null || !run.canSample || this.connection === null) return;
    // Set before the answer comes, so that it is asked once.
    this.set({ ...this.current, tokensPerWord: run.recipe.tokenizer.kind === "char" ? 5.2 : 1.4 });
    const words = PASSAGE.split(" ").length;
    this.connection.api.tokenize("live", PASSAGE).then(
      (pieces) => this.set({ ...this.current, tokensPerWord: pieces.length / words }),
      () => undefined,
    );
  }

  // Texts and checkpoints

  async addText(name: string, data: Blob): Promise<string | undefined> {
    const added = await this.keepFiles(name, [{ name, data }], {}, crypto.randomUUID());
    if ("id" in added) return added.id;
    this.tell("error", added);
    return undefined;
  }

  /** The error comes back too, for the place where the files stand. */
  lookAtFiles(files: readonly OwnFile[], choices: CorpusChoices, checkpointId?: string): Promise<CorpusPreview | ErrorReport> {
    return this.tried((api) => api.previewCorpus(files, { choices, ...(checkpointId === undefined ? {} : { checkpointId }) }));
  }

  /** Takes files in as one corpus; `stopIntake` ends it. The error comes back too. */
  async keepFiles(title: string, files: readonly OwnFile[], choices: CorpusChoices, intakeId: string): Promise<CorpusSummary | ErrorReport> {
    const added = await this.tried((api) => api.addCorpus(title, files, choices, intakeId));
    if ("id" in added) this.set({ ...this.current, corpora: [...this.current.corpora.filter((corpus) => corpus.id !== added.id), added] });
    return added;
  }

  async stopIntake(intakeId: string): Promise<void> {
    await this.connection?.api.stopIntake(intakeId).catch(() => undefined);
  }

  async deleteText(id: string): Promise<boolean> {
    const gone = await this.attempt((api) => api.deleteCorpus(id).then(() => true));
    if (gone === true) this.set({ ...this.current, corpora: this.current.corpora.filter((corpus) => corpus.id !== id) });
    return gone === true;
  }

  async importModel(name: string, files: readonly OwnFile[]): Promise<ErrorReport | null> {
    const opened = await this.tried((api) => api.importCheckpoint(name, files));
    if ("code" in opened) return opened;
    await this.refreshCheckpoints();
    this.notify("info", "OPENED", `Opened ${opened.name}. It can be asked and fine-tuned.`);
    return null;
  }

  async deleteModel(id: string): Promise<void> {
    await this.attempt((api) => api.deleteCheckpoint(id));
    await this.refreshCheckpoints();
  }

  exportModel(id: string): Promise<Blob | undefined> {
    return this.attempt((api) => api.exportCheckpoint(id));
  }

  private async refreshCheckpoints(): Promise<void> {
    const list = await this.attempt((api) => api.listCheckpoints());
    if (list !== undefined) this.set({ ...this.current, checkpoints: list });
  }
}

/** A thrown thing as a report. Comlink keeps an error's message and drops its fields, so the code is read from "[CODE] words". */
export function readError(thrown: unknown): ErrorReport {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const match = /^\[([A-Z][A-Z0-9_]*)\] ([\s\S]*)$/.exec(message);
  return match === null ? { code: "UNKNOWN", message, details: {} } : { code: match[1], message: match[2], details: {} };
}
