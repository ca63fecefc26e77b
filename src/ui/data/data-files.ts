/** The files of a drop as a look shows them: each with its form, its size and what is wrong; how they are read; a sample. Reads nothing itself. */
import { LitElement, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import type { CorpusChoices, CorpusPreview, FileLook } from "../../protocol/index.ts";
import "./data-columns.ts";
import { dataFilesStyles } from "./data-styles.ts";
import { ENCODINGS, lookWords, remediesOf } from "./data-words.ts";
import { safeName, safeText } from "../shared/format.ts";
import * as icons from "../shared/icons.ts";
import { base, controls, disclosure, remedies, voice } from "../shared/shared-styles.ts";

/**
 * @fires choose-reading - {detail: CorpusChoices} all of them
 * @fires remove-file - {detail: number} its place
 */
@customElement("data-files")
export class DataFiles extends LitElement {
  static override styles = [base, controls, voice, disclosure, remedies, dataFilesStyles];

  @property({ attribute: false }) preview!: CorpusPreview;
  @property({ attribute: false }) choices: CorpusChoices = {};
  private focused: Element | null = null;

  protected override willUpdate(): void {
    this.focused = this.shadowRoot?.activeElement ?? null;
  }

  /** What was pressed may be gone, with its file or its problem: the keyboard goes on at the list. */
  protected override updated(): void {
    if (this.focused !== null && !this.focused.isConnected) this.renderRoot.querySelector<HTMLElement>("ul")!.focus();
  }

  override render(): unknown {
    const { files, sample } = this.preview;
    const table = files.find(({ csv }) => csv !== undefined);
    return html`
      <ul aria-label="Files" tabindex="0">${repeat(files, (file, i) => `${file.name} ${file.bytes} ${files.slice(0, i).filter(({ name }) => name === file.name).length}`, (file, i) => this.file(file, i))}</ul>
      ${table?.csv === undefined ? nothing : html`<data-columns .csv=${table.csv} .name=${files.length > 1 ? table.name : ""} @choose-csv=${(event: CustomEvent<CorpusChoices["csv"]>) => this.choose({ csv: event.detail })}></data-columns>`}
      ${sample === "" || table !== undefined ? nothing : html`<p class="sample voice" tabindex="0" aria-label="How it begins" data-testid="data-sample">${safeText(sample)}${sample.length >= 600 ? "…" : ""}</p>`}
      <details data-testid="data-reading"><summary>Reading</summary>
        <div class="line">
          <label>Letters are <select data-testid="data-encoding" @change=${this.onEncoding}>
            ${ENCODINGS.map(({ id, label }) => html`<option value=${id} .selected=${id === (this.choices.encoding ?? "utf-8")}>${label}</option>`)}
          </select></label>
          ${files.some(({ form }) => form !== "text") ? html`<label><input type="checkbox" data-testid="data-skip" .checked=${this.choices.onBad === "skip"} @change=${this.onSkip} /> Leave out lines and rows that cannot be read, and count them</label>` : nothing}
        </div>
      </details>
    `;
  }

  private file(file: FileLook, i: number): unknown {
    const { name, problem } = file;
    const all = this.preview.files.length > 1 ? ", in all files" : "";
    return html`<li data-testid="data-file">
      <div><b>${safeName(name)}</b><span class="quiet small">${lookWords(file)}</span></div>
      <button class="plain icon" aria-label="Take ${safeName(name)} out" data-testid="remove-file-${i}" @click=${() => this.emit("remove-file", i)}>${icons.trash()}</button>
      ${problem === undefined ? nothing : html`<div class="problem" role="alert" data-testid="data-problem">
        <p>${safeText(problem.message)} <code>${problem.code}</code></p>
        <div class="tools">
          ${repeat(remediesOf(problem), ({ id }) => id, ({ id, label, choices }) => html`<button data-testid="remedy-${id}" @click=${() => this.choose(choices)}>${label}${all}</button>`)}
          <button data-testid="take-out-${i}" @click=${() => this.emit("remove-file", i)}>Take this file out</button>
        </div>
      </div>`}
    </li>`;
  }

  private readonly onEncoding = (event: Event): void => this.choose({ encoding: (event.target as HTMLSelectElement).value as CorpusChoices["encoding"] });

  private readonly onSkip = (event: Event): void => this.choose({ onBad: (event.target as HTMLInputElement).checked ? "skip" : "stop" });

  private choose(choices: CorpusChoices): void {
    this.emit("choose-reading", { ...this.choices, ...choices });
  }

  private emit(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "data-files": DataFiles;
  }
}
