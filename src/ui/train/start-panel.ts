/** Before a run: what this place is, and the two ways to begin, each with its time on this machine. Starts nothing itself. */
import { LitElement, html, nothing } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import type { CheckpointSummary, Recipe, Stage } from "../../protocol/index.ts";
import { formatBytes, formatShort, safeName } from "../shared/format.ts";
import type { CalibrationState, PageState } from "../page-state.ts";
import { methodOf } from "../recipe/recipe-choice.ts";
import type { RecipeEditor } from "../recipe/recipe-editor.ts";
import "../recipe/recipe-editor.ts";
import "../recipe/recipe-form.ts";
import { expectedTime } from "../recipe/recipe-size.ts";
import { base, controls } from "../shared/shared-styles.ts";
import { checkpointLabel, wantsText } from "../models/sides.ts";
import { startStyles } from "./start-styles.ts";

export interface StartChoice {
  readonly recipe: Recipe;
  readonly fromCheckpoint?: string;
}

/** Known not to fit in memory: a start would only fail. What failed otherwise may pass the next time. */
const tooLarge = (calibration: CalibrationState | undefined): boolean => calibration?.status === "failed" && calibration.error.code === "MEM_ESTIMATE";

/** @fires start-run - {detail: StartChoice}; show-examples */
@customElement("start-panel")
export class StartPanel extends LitElement {
  static override styles = [base, controls, startStyles];

  @property({ attribute: false }) presets: readonly Recipe[] = [];
  /** The recipe that is chosen, with seed and own text already in it. */
  @property({ attribute: false }) recipe!: Recipe;
  /** What *Fine-tune it* would start, when it can. */
  @property({ attribute: false }) tuning: { readonly recipe: Recipe; readonly base: CheckpointSummary } | null = null;
  @property({ attribute: false }) state!: PageState;
  /** The person's own text, once given. */
  @property({ attribute: false }) ownText: { readonly title: string; readonly bytes: number } | null = null;
  /** A start was pressed and the engine has not answered yet. */
  @property({ type: Boolean }) starting = false;

  /** Where the recipe came from, if from elsewhere. */
  @property() note = "";

  @query("recipe-editor") private editor!: RecipeEditor;

  override render(): unknown {
    return html`
      ${this.note === "" ? nothing : html`<p class="note" role="status" data-testid="link-note">${this.note} <button data-testid="look-at-recipe" @click=${this.edit}>Look at it</button></p>`}
      <h1>A small language model, learning in front of you.</h1>
      <p class="lead">
        First it reads, and learns to guess what comes next. Then a little practice in answering turns the reader into something you can ask. Both happen
        here, in this tab, on this machine.
      </p>
      <div class="cards">${this.tuneCard()} ${this.scratchCard()}</div>
      <recipe-form .presets=${this.presets} .recipe=${this.recipe} .ownText=${this.ownText} .own=${this.state.corpora.filter(({ report }) => report !== undefined)} .method=${methodOf(this.tuning?.recipe ?? this.recipe) ?? null} .family=${(this.tuning?.recipe ?? this.recipe).model.family} @show-editor=${this.edit}></recipe-form>
      <recipe-editor .recipe=${this.recipe} .presets=${this.presets} .corpora=${this.state.corpora} .calibrations=${this.state.calibrations} .note=${this.note}></recipe-editor>
      <p class="local quiet">No account, no server. Your text and your models stay in this browser.</p>
    `;
  }

  private tuneCard(): unknown {
    const { tuning, state } = this;
    const calibration = state.calibrations[JSON.stringify(tuning?.recipe)];
    const stages = tuning?.recipe.stages.map((stage) => stage.kind === "sft") ?? [];
    return html`<section class="card tune">
      <h2>Fine-tune it</h2>
      <p data-testid="tune-says">
        ${tuning === null
          ? "Needs a base that a recipe here can tune. None is loaded; train one from nothing, or open one in Models."
          : html`Take a base that has read a lot and was never asked anything, and teach it to answer. Here: ${checkpointLabel(tuning.base)}.${this.ownWords(tuning.recipe.stages.filter(({ kind }) => kind === "sft"))}`}
      </p>
      ${tuning === null ? html`<div class="time"></div>` : this.time(calibration, stages, "practice in answering")}
      <div class="ways">
        <button class="primary" data-testid="start-tune" ?disabled=${tuning === null || tooLarge(calibration) || this.starting || state.link !== "ready"} @click=${this.startTuning}>Fine-tune it</button>
        <button class="plain own" data-testid="own-examples" ?disabled=${tuning === null} @click=${() => this.dispatchEvent(new CustomEvent("show-examples", { bubbles: true, composed: true }))}>or on your own questions and answers</button>
      </div>
    </section>`;
  }

  private scratchCard(): unknown {
    const { recipe, state } = this;
    const waits = wantsText(recipe);
    const calibration = state.calibrations[JSON.stringify(recipe)];
    const kinds = recipe.stages.map(() => true);
    const both = recipe.stages.some((stage) => stage.kind === "sft");
    return html`<section class="card">
      <h2>Train from nothing</h2>
      <p>Start from random numbers and watch noise turn into words, words into sentences${both ? ", and sentences into answers" : ""}.${this.ownWords(recipe.stages)}</p>
      ${waits
        ? html`<div class="time"><b>Your text first</b><span>Drop files anywhere on this page, or choose or paste below.</span></div>`
        : this.time(calibration, kinds, both ? "reading, then practice in answering" : "reading")}
      <button class="primary" data-testid="start-scratch" ?disabled=${waits || tooLarge(calibration) || this.starting || state.link !== "ready"} @click=${this.startScratch}>Train from nothing</button>
    </section>`;
  }

  /** Which of the person's own texts the stages read; "" where none. */
  private ownWords(stages: readonly Stage[]): string {
    const ids = new Set(stages.flatMap(({ data }) => data.map(({ corpus }) => corpus)));
    const titles = this.state.corpora.filter(({ id, report }) => report !== undefined && ids.has(id)).map(({ title }) => safeName(title));
    return titles.length === 0 ? "" : ` It reads ${titles.join(", ")}.`;
  }

  private time(calibration: CalibrationState | undefined, counted: readonly boolean[], what: string): unknown {
    if (calibration?.status === "failed")
      return html`<div class="time"><b>Will not start here</b><span>${calibration.error.message}</span></div>`;
    if (calibration?.status !== "done")
      return html`<div class="time" aria-busy="true"><b class="quiet">…</b><span>${this.state.link === "ready" ? "measuring this machine" : "waiting for the engine"}</span></div>`;
    const { stageMs, memory, tokensPerSec } = calibration.value;
    const ms = stageMs.reduce((sum, stage, i) => sum + (counted[i] ? stage : 0), 0);
    return html`<div class="time">
      <b>${expectedTime(ms)}</b>
      <span>of ${what}, measured on this machine: ${formatShort(Math.round(tokensPerSec))} tokens/s${memory.totalBytes > 0 ? html`, ${formatBytes(memory.totalBytes)} of memory` : nothing}</span>
    </div>`;
  }

  private readonly edit = (): void => this.editor.show();

  private readonly startTuning = (): void => {
    if (this.tuning !== null) this.start({ recipe: this.tuning.recipe, fromCheckpoint: this.tuning.base.id });
  };

  private readonly startScratch = (): void => this.start({ recipe: this.recipe });

  private start(detail: StartChoice): void {
    this.dispatchEvent(new CustomEvent<StartChoice>("start-run", { detail, bubbles: true, composed: true }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "start-panel": StartPanel;
  }
}
