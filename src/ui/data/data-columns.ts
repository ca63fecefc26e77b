/** What the columns of a table mean: documents, or questions with answers, with its first rows. Holds no choice: it says what was chosen. */
import { LitElement, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { CsvChoices, FileLook } from "../../protocol/index.ts";
import { dataFilesStyles } from "./data-styles.ts";
import { safeName, safeText } from "../shared/format.ts";
import { base, controls } from "../shared/shared-styles.ts";

type Look = NonNullable<FileLook["csv"]>;
type Pair = Extract<Look["chosen"], { readonly question: number }>;

const DELIMITERS = [[",", "comma"], [";", "semicolon"], ["\t", "tab"]] as const;
/** More columns than this are chosen among, and not all laid out. */
const MOST_SHOWN = 30;

/** @fires choose-csv - {detail: CsvChoices} all of them */
@customElement("data-columns")
export class DataColumns extends LitElement {
  static override styles = [base, controls, dataFilesStyles];

  @property({ attribute: false }) csv!: Look;
  /** Of the file, where there are several. */
  @property() name = "";

  override render(): unknown {
    const { delimiter, header, columns, rows, chosen } = this.csv;
    const chat = "question" in chosen;
    const shown = columns.slice(0, MOST_SHOWN);
    const taken = (column: number): string => (("text" in chosen ? chosen.text.includes(column) : column === chosen.question || column === chosen.answer) ? "taken" : "");
    return html`
      <h3>Its columns${this.name === "" ? "" : ` (${safeName(this.name)})`}</h3>
      <div class="line">
        <label>Parted by <select data-testid="csv-delimiter" @change=${(event: Event) => this.emit({ delimiter: (event.target as HTMLSelectElement).value as Look["delimiter"], columns: undefined })}>
          ${DELIMITERS.map(([id, label]) => html`<option value=${id} .selected=${id === delimiter}>${label}</option>`)}
        </select></label>
        <label><input type="checkbox" data-testid="csv-header" .checked=${header} @change=${(event: Event) => this.emit({ header: (event.target as HTMLInputElement).checked })} /> The first row names them</label>
        <label>A row is <select data-testid="csv-kind" @change=${this.onKind}>
          <option value="text" .selected=${!chat}>a document</option>
          <option value="chat" .selected=${chat} ?disabled=${columns.length < 2}>a question with its answer</option>
        </select></label>
      </div>
      <div class="line">${"text" in chosen
        ? html`<span>Made of</span>${shown.map((name, i) => html`<label><input type="checkbox" data-testid="csv-text-${i}" .checked=${chosen.text.includes(i)} @change=${() => this.toggle(chosen.text, i)} /> ${safeName(name)}</label>`)}`
        : html`${this.pick("question", chosen)} ${this.pick("answer", chosen)}`}</div>
      <div class="rows" tabindex="0" role="region" aria-label="First rows"><table data-testid="csv-rows">
        <thead><tr>${shown.map((name, i) => html`<th scope="col" class=${taken(i)}>${safeName(name)}</th>`)}</tr></thead>
        <tbody>${rows.map((row) => html`<tr>${shown.map((_, i) => html`<td class=${taken(i)}>${safeText(row[i] ?? "")}</td>`)}</tr>`)}</tbody>
      </table></div>
      ${columns.length > shown.length ? html`<p class="quiet small">The first ${MOST_SHOWN} of ${columns.length} columns are shown.</p>` : nothing}
    `;
  }

  private pick(side: "question" | "answer", chosen: Pair): unknown {
    return html`<label>${side === "question" ? "Question" : "Answer"} <select data-testid="csv-${side}" @change=${(event: Event) => this.emit({ columns: { ...chosen, [side]: Number((event.target as HTMLSelectElement).value) } })}>
      ${this.csv.columns.slice(0, 1000).map((name, i) => html`<option value=${i} .selected=${i === chosen[side]}>${safeName(name)}</option>`)}
    </select></label>`;
  }

  private readonly onKind = (event: Event): void => {
    const { chosen } = this.csv;
    const first = "text" in chosen ? (chosen.text[0] ?? 0) : chosen.answer;
    const chat = (event.target as HTMLSelectElement).value === "chat";
    const [question, answer] = this.spoken();
    const pair = question !== undefined && answer !== undefined ? { question, answer } : { question: first === 0 ? 0 : first - 1, answer: first === 0 ? 1 : first };
    this.emit({ columns: chat ? pair : { text: [first] } });
  };

  /** Columns that hold words in the rows shown: not those of numbers, dates or codes alone. */
  private spoken(): number[] {
    const { columns, rows } = this.csv;
    return columns.flatMap((_, c) => (rows.some((row) => row[c] !== undefined && row[c].trim() !== "" && !/^\S*[\d/]\S*$/.test(row[c].trim())) ? [c] : []));
  }

  /** The last one stays: a document is made of something. */
  private toggle(text: readonly number[], column: number): void {
    const next = text.includes(column) ? text.filter((each) => each !== column) : [...text, column].sort((a, b) => a - b);
    this.emit({ columns: { text: next.length === 0 ? text : next } });
    this.requestUpdate();
  }

  private emit(change: Partial<CsvChoices>): void {
    const { delimiter, header, chosen } = this.csv;
    const all: CsvChoices = { delimiter, header, columns: chosen, ...change };
    // Another delimiter makes other columns: they, and whether the first row names them, are judged anew.
    const detail: CsvChoices = "delimiter" in change ? { delimiter: all.delimiter } : all;
    this.dispatchEvent(new CustomEvent("choose-csv", { detail, bubbles: true, composed: true }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "data-columns": DataColumns;
  }
}
