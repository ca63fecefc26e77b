/** A person's data on its way in: looked at, what to do with it chosen, then read, with a way back at every point. Keeps and trains nothing itself. */
import { LitElement, type PropertyValues, html, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import type { CorpusChoices, CorpusPreview, ErrorReport, OwnFile, OwnUse, RunState } from "../../protocol/index.ts";
import "./data-choices.ts";
import "./data-files.ts";
import { firstUse, isRefusal, plansFor, type DataSetting, type DataWish } from "./data-plan.ts";
import { dataDialogStyles } from "./data-styles.ts";
import { mixedFiles, remediesOf } from "./data-words.ts";
import { formatBytes, formatDuration, formatPercent, plural, safeText } from "../shared/format.ts";
import * as icons from "../shared/icons.ts";
import { isLive, type CalibrationState } from "../page-state.ts";
import { base, controls, remedies, sheet } from "../shared/shared-styles.ts";

/** Data that was given and is not yet kept. */
export interface Intake {
  readonly id: string;
  readonly files: readonly OwnFile[];
  readonly choices: CorpusChoices;
  readonly phase: "looking" | "ready" | "reading";
  readonly preview?: CorpusPreview;
  /** Of the look or of the whole reading. */
  readonly error?: ErrorReport;
  /** What came along and is no text, as sentences. */
  readonly asides: readonly string[];
  /** While reading: share of the bytes, and when it began. */
  readonly share: number;
  readonly sinceMs: number;
}

export interface TakeDetail {
  readonly use: OwnUse;
  readonly wish: DataWish;
  readonly start: boolean;
}

const BUTTON: Readonly<Record<OwnUse, { readonly now: string; readonly later: string }>> = {
  pretrain: { now: "Pre-train on it", later: "Set up pre-training" },
  finetune: { now: "Fine-tune on it", later: "Set up fine-tuning" },
  mixture: { now: "Add to the mixture", later: "Add to the mixture" },
};

/**
 * @fires take-data - {detail: TakeDetail}
 * @fires choose-reading - {detail: CorpusChoices}
 * @fires remove-file - {detail: number}
 * @fires stop-reading
 * @fires leave-data - the dialog was closed
 */
@customElement("data-dialog")
export class DataDialog extends LitElement {
  static override styles = [base, controls, sheet, remedies, dataDialogStyles];

  /** null = closed. */
  @property({ attribute: false }) intake: Intake | null = null;
  @property({ attribute: false }) setting!: DataSetting;
  @property({ attribute: false }) calibrations: Readonly<Record<string, CalibrationState>> = {};
  @property({ attribute: false }) run: RunState | null = null;

  @state() private chosen: OwnUse | null = null;
  @state() private wishes: Partial<Record<OwnUse, DataWish>> = {};
  @query("dialog") private dialog!: HTMLDialogElement;

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has("intake")) return;
    const before = changed.get("intake") as Intake | null | undefined;
    // Other data is another question: what was set for the last is forgotten.
    if (before?.id !== this.intake?.id) [this.chosen, this.wishes] = [null, {}];
  }

  protected override updated(): void {
    if (this.intake !== null && !this.dialog.open) this.dialog.showModal();
    if (this.intake === null && this.dialog.open) this.dialog.close();
    // What was pressed may be gone by now.
    if (this.dialog.open && this.shadowRoot!.activeElement === null) this.renderRoot.querySelector<HTMLElement>("h2")!.focus();
  }

  override render(): unknown {
    const { intake } = this;
    return html`<dialog aria-label="Your text" data-testid="data-dialog" @cancel=${this.onCancel} @close=${this.onClose}>
      ${intake === null ? nothing : intake.phase === "reading" ? this.reading(intake) : this.looked(intake)}
    </dialog>`;
  }

  private looked(intake: Intake): unknown {
    const { preview, phase, files } = intake;
    const looking = phase === "looking";
    const failed = preview === undefined && intake.error !== undefined;
    const head = preview === undefined ? (failed ? plural(files.length, "file") : `Looking at ${plural(files.length, "file")}…`) : `${plural(files.length, "file")}, ${formatBytes(preview.textBytes)} of text${looking ? "; looking again…" : ""}`;
    return html`
      <header role="none"><h2 tabindex="-1" autofocus>Your text</h2><span class="quiet small" role="status" data-testid="data-head">${head}</span>
        <button class="plain icon" aria-label="Close" data-testid="close-data" @click=${this.leave}>${icons.close()}</button></header>
      <div class="body" aria-busy=${looking}>
        ${intake.asides.map((words) => html`<p class="aside" data-testid="data-aside">${words}</p>`)}
        ${this.error(intake.error)}
        ${failed ? nothing : preview === undefined ? html`<progress aria-label="Looking at the files"></progress>` : html`
          <data-files .preview=${preview} .choices=${intake.choices}></data-files>
          ${this.choosing(preview)}`}
      </div>
      ${this.footer(preview, looking)}`;
  }

  private error(error: ErrorReport | undefined): unknown {
    if (error === undefined) return nothing;
    return html`<div class="aside problem" role="alert" data-testid="data-error">
      <p>${safeText(error.message)} <code>${error.code}</code></p>
      <div class="tools">${remediesOf(error).map(({ id, label, choices }) => html`<button data-testid="error-remedy-${id}" @click=${() => this.emit("choose-reading", { ...this.intake?.choices, ...choices })}>${label}</button>`)}</div>
    </div>`;
  }

  private choosing(preview: CorpusPreview): unknown {
    const plans = plansFor(preview, this.setting, this.wishes);
    const use = this.use(preview);
    return html`<data-choices .plans=${plans} .use=${use} .preview=${preview} .wish=${this.wishes[use] ?? {}} .calibrations=${this.calibrations} ?busy=${this.run?.phase === "running" || this.run?.phase === "preparing"}
      @choose-use=${(event: CustomEvent<OwnUse>) => (this.chosen = event.detail)}
      @choose-wish=${(event: CustomEvent<DataWish>) => (this.wishes = { ...this.wishes, [use]: event.detail })}></data-choices>`;
  }

  /** What is chosen, as long as it can be. */
  private use(preview: CorpusPreview): OwnUse {
    const plans = plansFor(preview, this.setting, this.wishes);
    return firstUse(plans, this.chosen ?? preview.suggested);
  }

  private footer(preview: CorpusPreview | undefined, looking: boolean): unknown {
    const use = preview === undefined ? "pretrain" : this.use(preview);
    const plan = preview && plansFor(preview, this.setting, this.wishes).find((each) => each.use === use);
    const bad = preview?.files.filter(({ problem }) => problem !== undefined).length ?? 0;
    const calibration = plan === undefined || isRefusal(plan) ? undefined : this.calibrations[JSON.stringify(plan.measured)];
    const why = preview === undefined || plan === undefined ? " " : bad > 0 ? `${plural(bad, "file")} cannot be read as ${bad === 1 ? "it is" : "they are"}.` : mixedFiles(preview) || (isRefusal(plan) ? plan.blocked : calibration?.status === "failed" ? "It does not fit this machine." : "");
    const live = isLive(this.run);
    const disabled = why !== "" || looking;
    return html`<footer role="none">
      <span class="says" role="status" data-testid="data-says">${why.trim() !== "" ? why : live ? "A run is under way: this is kept for after it." : "It stays in this browser."}</span>
      ${use === "mixture" || live ? nothing : html`<button data-testid="data-setup" ?disabled=${disabled} @click=${() => this.take(use, false)}>Only set it up</button>`}
      <button class="primary" data-testid="data-take" ?disabled=${disabled} @click=${() => this.take(use, use !== "mixture" && !live)}>${live ? BUTTON[use].later : BUTTON[use].now}</button>
    </footer>`;
  }

  private reading({ share, sinceMs, files }: Intake): unknown {
    const bytes = files.reduce((sum, { data }) => sum + data.size, 0);
    const spent = performance.now() - sinceMs;
    const left = share > 0.02 && spent > 1000 ? `, ${formatDuration((spent / share) * (1 - share))} left` : "";
    return html`
      <header role="none"><h2 tabindex="-1">Reading your text</h2></header>
      <div class="body"><div class="reading">
        <progress max="1" .value=${share} aria-label="Read so far" data-testid="data-progress"></progress>
        <p class="small" data-testid="data-read">${formatBytes(bytes * share)} of ${formatBytes(bytes)}, ${formatPercent(share)}${left}</p>
      </div></div>
      <footer role="none"><span class="says">Nothing is kept until all of it is read.</span><button data-testid="data-cancel" @click=${() => this.emit("stop-reading", undefined)}>Cancel</button></footer>`;
  }

  private take(use: OwnUse, start: boolean): void {
    this.emit("take-data", { use, wish: this.wishes[use] ?? {}, start } satisfies TakeDetail);
  }

  private readonly leave = (): void => this.emit("leave-data", undefined);

  /** Escape ends the reading first, and the dialog only where nothing is read. */
  private readonly onCancel = (event: Event): void => {
    event.preventDefault();
    if (this.intake?.phase === "reading") this.emit("stop-reading", undefined);
    else this.leave();
  };

  /** The event comes a task after the closing: by then the dialog may stand open with other data, which is not left. */
  private readonly onClose = (): void => {
    if (this.intake !== null && !this.dialog.open) this.leave();
  };

  private emit(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "data-dialog": DataDialog;
  }
}
