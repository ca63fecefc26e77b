/** The page: lays out the parts, hands them state, and turns what they ask for into commands of the controller. */
import { askSuggestions, WORLD_QUESTIONS } from "./answers/ask-suggestions.ts";
import { LitElement, html, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import type { BackendChoice, ChatPiece, CheckpointSummary, Recipe } from "../protocol/index.ts";
import "./app-bar.ts";
import { appActions } from "./app-actions.ts";
import { deadBanner, failedBanner } from "./app-banners.ts";
import { appStyles } from "./app-styles.ts";
import type { ViewName } from "./app-bar.ts";
import type { AskPanel } from "./answers/ask-panel.ts";
import "./answers/ask-panel.ts";
import "./train/batch-view.ts";
import "./bench/bench-view.ts";
import "./coming-view.ts";
import type { Intake } from "./data/data-dialog.ts";
import "./data/data-dialog.ts";
import type { DataSetting } from "./data/data-plan.ts";
import type { ExamplesDialog } from "./data/examples-dialog.ts";
import "./data/examples-dialog.ts";
import "./inside/inside-panel.ts";
import "./train/learning-panel.ts";
import "./train/live-knobs.ts";
import type { ModelsDrawer } from "./models/models-drawer.ts";
import "./models/models-drawer.ts";
import "./answers/next-word.ts";
import "./notice-stack.ts";
import { isLive, quizScores, type Side } from "./page-state.ts";
import type { PhoneTab } from "./phone-bar.ts";
import "./phone-bar.ts";
import type { Piece, PiecesView } from "./answers/pieces-view.ts";
import "./answers/pieces-view.ts";
import "./train/reading-meter.ts";
import { fineTuning } from "./recipe/recipe-choice.ts";
import type { Method } from "./recipe/recipe-method.ts";
import "./recipe/recipe-panel.ts";
import type { Connection } from "./run-controller.ts";
import { RunController } from "./run-controller.ts";
import "./answers/samples-timeline.ts";
import { base, controls } from "./shared/shared-styles.ts";
import { allChoices, defaultSides, tuningBase } from "./models/sides.ts";
import type { SmallDialog } from "./small-dialog.ts";
import "./small-dialog.ts";
import "./bench/step-profile.ts";
import "./train/start-panel.ts";
import { ThemeController } from "./theme-controller.ts";
import "./train/transport-strip.ts";

/** Questions to try. The first two are of the made world and held out: their answers stand in the text, never in the tuning examples. */

@customElement("nestling-app")
export class NestlingApp extends LitElement {
  static override styles = [base, controls, appStyles];

  /** Makes the engine; set before the element is connected. */
  @property({ attribute: false }) connect!: () => Promise<Connection>;
  @property({ attribute: false }) presets: readonly Recipe[] = [];
  @property() backend: BackendChoice = "auto";

  @state() view: ViewName = "train";
  /** Kept from its first look on: what it shows, and what is typed there, outlives a look at another view. */
  private benchSeen = false;
  @state() tab: PhoneTab = "recipe";
  /** The recipe that *Train from nothing* would start. */
  @state() chosen: Recipe | null = null;
  /** How fine-tuning moves the weights; null = as its recipe says. And where the recipe came from, if from elsewhere. */
  @state() method: Method | null = null;
  @state() linkNote = "";
  @state() ownText: { readonly id: string; readonly title: string; readonly bytes: number } | null = null;
  /** Data that is being looked at or read; null = none. */
  @state() intake: Intake | null = null;
  @state() sides: Partial<Record<Side, string>> = {};
  @state() prompt = "Once upon a time there was a";
  @state() pieces: readonly Piece[] = [];
  @state() starting = false;
  @state() downloading = "";

  @query("models-drawer") drawer!: ModelsDrawer;
  @query("pieces-view") piecesView!: PiecesView;
  @query("small-dialog") dialog!: SmallDialog;
  @query("ask-panel") askPanel!: AskPanel;
  @query("examples-dialog") examples!: ExamplesDialog;
  @state() examplePieces: readonly ChatPiece[] = [];

  readonly run = new RunController(this, () => ({ connect: this.connect, backend: this.backend, baseUrl: new URL(".", document.baseURI).href }));
  readonly theme = new ThemeController(this);
  private readonly actions = appActions(this);

  override connectedCallback(): void {
    super.connectedCallback();
    this.actions.attach();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.actions.detach();
  }

  protected override updated(): void {
    // After this update, not within it: what follows from state changes state.
    queueMicrotask(() => this.actions.afterUpdate(WORLD_QUESTIONS[0]));
    this.classList.toggle("idle", this.run.state.run === null);
  }

  get recipe(): Recipe {
    return this.chosen ?? this.presets[0];
  }

  /** What answers on each side: the person's choice while it exists, else the default. */
  get answering(): Record<Side, string> {
    const { run, checkpoints } = this.run.state;
    const known = new Set(allChoices(run, checkpoints).map(({ id }) => id));
    const fallback = defaultSides(run, checkpoints);
    const pick = (side: Side): string => (known.has(this.sides[side] ?? "") ? this.sides[side]! : fallback[side]);
    return { base: pick("base"), tuned: pick("tuned") };
  }

  /** What *Fine-tune it* would start. */
  tuning(from: CheckpointSummary | undefined = tuningBase(this.run.state.checkpoints)): { recipe: Recipe; base: CheckpointSummary } | null {
    return fineTuning(from, this.recipe, this.presets, this.method);
  }

  /** What data that comes now can be trained as. */
  get setting(): DataSetting {
    return { chosen: this.recipe, presets: this.presets, tuning: this.tuning() };
  }

  override render(): unknown {
    const { state } = this.run;
    this.benchSeen ||= this.view === "bench";
    return html`
      <app-bar role="banner" .view=${this.view} .device=${state.device} ?dead=${state.link === "dead"} .theme=${this.theme.choice} .models=${state.checkpoints.length}></app-bar>
      ${state.link === "dead" ? deadBanner(state.linkError, this.run) : nothing} ${state.run?.error === undefined ? nothing : failedBanner(state.run.error, isLive(state.run), this.run)}
      ${this.view === "train" ? this.train() : this.view === "labs" ? html`<coming-view role="main"></coming-view>` : nothing}
      ${this.benchSeen ? html`<bench-view role="main" ?hidden=${this.view !== "bench"} .device=${state.device} .progress=${state.bench} .lab=${state.lab} .blocked=${isLive(state.run) && state.run.phase !== "paused" ? "A run is training, and would be timed with it. Pause it first." : ""}></bench-view>` : nothing}
      <models-drawer .checkpoints=${state.checkpoints} .run=${state.run} .busy=${this.downloading} .tunable=${new Set(state.checkpoints.filter((item) => this.tuning(item) !== null).map(({ id }) => id))}></models-drawer>
      <pieces-view .pieces=${this.pieces}></pieces-view>
      <examples-dialog .pieces=${this.examplePieces} .baseName=${this.tuning()?.base.name ?? ""} .context=${this.tuning()?.base.model.block_size ?? 0} .blocked=${isLive(state.run) ? "a run is under way" : this.tuning() === null ? "no base is loaded" : ""}></examples-dialog>
      <data-dialog .intake=${this.intake} .setting=${this.setting} .calibrations=${state.calibrations} .run=${state.run}></data-dialog>
      <inside-panel .run=${state.run} .choices=${allChoices(state.run, state.checkpoints)} .theme=${this.theme.shown}></inside-panel>
      <step-profile></step-profile>
      <small-dialog></small-dialog>
      <notice-stack .notices=${state.notices}></notice-stack>
    `;
  }

  private train(): unknown {
    const { run, curves } = this.run.state;
    const tab = this.tab === "recipe" ? "recipe-tab" : this.tab;
    return html`
      <main class="${run === null ? "start" : "run"} ${tab}">${run === null ? this.startParts() : this.runParts()}</main>
      <phone-bar role="region" aria-label="The run at hand" .run=${run} .curves=${curves} .tab=${this.tab}></phone-bar>
    `;
  }

  private startParts(): unknown {
    return html`
      <start-panel class="on-recipe" .presets=${this.presets} .recipe=${this.recipe} .tuning=${this.tuning()} .state=${this.run.state} .ownText=${this.ownText} .note=${this.linkNote} ?starting=${this.starting}></start-panel>
      <div class="says">${this.ask()} ${this.nextWord()}</div>
    `;
  }

  private runParts(): unknown {
    const { state } = this.run;
    const { run, curves } = state;
    return html`
      <h1 class="visually-hidden">The run: ${run!.recipe.name.slice(0, 80)}</h1>
      <transport-strip class="on-watch" .run=${run} .curves=${curves} .quiz=${quizScores(state, this.answering.base)} .hiddenMs=${state.hiddenMs}></transport-strip>
      <div class="recipe"><recipe-panel class="on-recipe" .run=${run!}></recipe-panel>
        ${isLive(run) ? html`<live-knobs class="on-recipe" .run=${run}></live-knobs>` : nothing}
        <reading-meter class="on-watch" .tokens=${curves.tokens} .tokensPerSec=${curves.tokensPerSec ?? 0} .tokensPerWord=${state.tokensPerWord ?? 1.4}></reading-meter></div>
      <div class="middle">
        <learning-panel class="on-watch" .run=${run} .curves=${curves} .checkpoints=${state.checkpoints} .theme=${this.theme.shown}></learning-panel>
        <batch-view class="on-watch" .row=${state.batch}></batch-view>
      </div>
      <div class="says">${this.nextWord()}
        <samples-timeline class="on-watch" .samples=${state.samples} .run=${run}></samples-timeline>
        ${this.ask()}</div>
    `;
  }

  private ask(): unknown {
    const { exchange, run, checkpoints, link } = this.run.state;
    const tuned = isLive(run) ? "It comes after the base: fine-tuning has not begun." : "No tuned model yet. Fine-tune it, and its answer stands here beside the base's.";
    return html`<ask-panel class="on-ask" .exchange=${exchange} .choices=${allChoices(run, checkpoints)} .chosen=${this.answering} .suggestions=${askSuggestions(run)} .tunedEmpty=${link === "connecting" ? "" : tuned}></ask-panel>`;
  }

  private nextWord(): unknown {
    const { nextWord, run } = this.run.state;
    const hue = run !== null && run.stages[run.stageIndex]?.kind !== "pretrain" ? "--tuned" : "--base";
    return html`<next-word class="on-watch" .view=${nextWord} .prompt=${this.prompt} ?live=${isLive(run) && run.canSample} .rows=${run === null ? 8 : 5} .hue=${hue}></next-word>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "nestling-app": NestlingApp;
  }
}
