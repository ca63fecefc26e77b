/** The three things to do with data, each with what it would take, and the numbers that can be set. Holds no choice: it says what was chosen. */
import { LitElement, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { live } from "lit/directives/live.js";
import type { CorpusPreview, OwnUse } from "../../protocol/index.ts";
import { isRefusal, MOST_STEPS, type DataPlan, type DataWish, type Refusal } from "./data-plan.ts";
import { dataChoicesStyles } from "./data-styles.ts";
import { epochsWarning, epochsWords, tokenizerWords, tokensWords } from "./data-words.ts";
import type { CalibrationState } from "../page-state.ts";
import { recipeTitle } from "../recipe/recipe-form.ts";
import { formatCount } from "../shared/format.ts";
import { expectedTime } from "../recipe/recipe-size.ts";
import { base, controls } from "../shared/shared-styles.ts";

const WORDS: Readonly<Record<OwnUse, { readonly title: string; readonly text: string }>> = {
  pretrain: { title: "Pre-train on it", text: "A new model from nothing, that has read this alone." },
  finetune: { title: "Fine-tune on it", text: "A model that knows the language goes on with this." },
  mixture: { title: "Add to the mixture", text: "A new model reads it beside other text." },
};

/**
 * @fires choose-use - {detail: OwnUse}
 * @fires choose-wish - {detail: DataWish} of the chosen use
 */
@customElement("data-choices")
export class DataChoices extends LitElement {
  static override styles = [base, controls, dataChoicesStyles];

  @property({ attribute: false }) plans: readonly (DataPlan | Refusal)[] = [];
  @property() use: OwnUse = "pretrain";
  @property({ attribute: false }) preview!: CorpusPreview;
  @property({ attribute: false }) wish: DataWish = {};
  @property({ attribute: false }) calibrations: Readonly<Record<string, CalibrationState>> = {};
  /** A run trains, so that nothing can be measured beside it. */
  @property({ type: Boolean }) busy = false;
  /** What was typed last and cannot be, in words. */
  @state() private problem = "";
  /** What a field stood for before it was typed in. */
  private stood: DataWish = {};

  override render(): unknown {
    const plan = this.plans.find((each) => each.use === this.use);
    return html`
      <fieldset>
        <legend>What to do with it</legend>
        <div class="cards">${this.plans.map((each) => this.card(each))}</div>
      </fieldset>
      ${this.plans.some((each) => each.use === this.preview.suggested && isRefusal(each)) ? nothing : html`<p class="why" data-testid="data-why">${this.preview.why}</p>`}
      ${plan === undefined || isRefusal(plan) ? nothing : this.numbers(plan)}
    `;
  }

  private card(plan: DataPlan | Refusal): unknown {
    const { use } = plan;
    const { title, text } = WORDS[use];
    const refused = isRefusal(plan);
    return html`<label class=${use} data-testid="use-card-${use}">
      <input type="radio" name="use" data-testid="use-${use}" aria-label=${title} aria-describedby="about-${use}" ?disabled=${refused} .checked=${live(use === this.use && !refused)} @change=${() => this.emit("choose-use", use)} />
      ${use === this.preview.suggested && !refused ? html`<span class="suggested" data-testid="suggested">suggested</span>` : nothing}
      <b>${title}</b>
      <span id="about-${use}">${refused ? plan.blocked : html`${use === "mixture" ? html`Read beside what <i>${recipeTitle(plan.recipe)}</i> reads.` : text} ${tokenizerWords(use, this.preview)}`}</span>
      ${refused ? nothing : html`
        <span class="time" data-testid="data-time-${use}">${this.time(plan)}</span>
        <span data-testid="data-facts-${use}">${tokensWords(plan.tokens)}, ${epochsWords(plan.epochs)}</span>`}
    </label>`;
  }

  private time(plan: DataPlan): unknown {
    const calibration = this.calibrations[JSON.stringify(plan.measured)];
    if (calibration?.status === "done") return expectedTime((plan.trainedTokens / calibration.value.tokensPerSec) * 1000);
    if (calibration?.status === "failed") return html`<span class="small">${calibration.error.message}</span>`;
    return html`<span class="small quiet">${this.busy ? "not measured while a run trains" : "measuring this machine"}</span>`;
  }

  private numbers(plan: DataPlan): unknown {
    const warning = epochsWarning(plan);
    return html`
      <div class="line">
        <label>Steps <input type="number" min="1" max=${MOST_STEPS} step="1" data-testid="data-steps" .value=${live(String(plan.steps))} @focus=${this.onFocus} @change=${(event: Event) => this.onSet(event, "Steps", 1, MOST_STEPS)} @input=${(event: Event) => this.onNumber(event, "steps", 1, MOST_STEPS, 1)} /></label>
        ${plan.use === "mixture" ? html`<label>Its share, % <input type="number" min="1" max="99" step="1" data-testid="data-share" .value=${live(String(Math.round(plan.share * 100)))} @focus=${this.onFocus} @change=${(event: Event) => this.onSet(event, "Its share", 1, 99)} @input=${(event: Event) => this.onNumber(event, "share", 1, 99, 100)} /></label>` : nothing}
        <span aria-live="polite" data-testid="data-epochs">${epochsWords(plan.epochs)}</span>
      </div>
      ${this.problem === "" ? nothing : html`<p class="warning" role="alert" data-testid="data-number-problem">${this.problem}</p>`}
      ${warning === "" ? nothing : html`<p class="warning" role="status" data-testid="data-warning">${warning}</p>`}
    `;
  }

  private readonly onFocus = (): void => void (this.stood = this.wish);

  /** What was typed to its end and cannot be is said, and leaves what stood before. */
  private onSet(event: Event, name: string, min: number, max: number): void {
    const { value } = event.target as HTMLInputElement;
    const fits = value.trim() !== "" && Math.round(Number(value)) >= min && Math.round(Number(value)) <= max;
    this.problem = fits ? "" : `${name} ${value.trim() === "" ? "was no number" : `was ${value.slice(0, 20)}`}; from ${formatCount(min)} to ${formatCount(max)} is allowed. It stays as it was.`;
    if (!fits) this.emit("choose-wish", this.stood);
    this.requestUpdate();
  }

  /** What is out of range, or half typed, changes nothing yet. */
  private onNumber(event: Event, key: keyof DataWish, min: number, max: number, unit: number): void {
    const { value } = event.target as HTMLInputElement;
    const number = Math.round(Number(value));
    if (value.trim() === "" || !(number >= min && number <= max)) return;
    this.emit("choose-wish", { ...this.wish, [key]: number / unit });
  }

  private emit(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "data-choices": DataChoices;
  }
}
