/** A table of a person's own questions and answers, how the model will see each, and the button that tunes on them. Trains nothing itself. */
import { type PropertyValues, LitElement, html, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import type { ChatPiece } from "../../protocol/index.ts";
import { markerName } from "../answers/answer-view.ts";
import { readPasted } from "./examples-paste.ts";
import { keepRows, keptRows } from "./examples-kept.ts";
import { FEWEST_ROWS, MOST_CHARACTERS, MOST_ROWS, trimmed, wholeRows, type ExampleRow } from "./examples-rows.ts";
import { ExampleSizes } from "./examples-sizes.ts";
import { examplesStyles } from "./examples-styles.ts";
import { plural } from "../shared/format.ts";
import * as icons from "../shared/icons.ts";
import { base, controls, voice } from "../shared/shared-styles.ts";

const EMPTY: ExampleRow = { question: "", answer: "" };
const shortened = ({ question, answer }: ExampleRow): ExampleRow => ({ question: question.slice(0, MOST_CHARACTERS), answer: answer.slice(0, MOST_CHARACTERS) });

/** Asks for the tokens of a row in the chat template; `tell` may never be called. */
export interface MeasureExample extends ExampleRow {
  readonly tell: (tokens: number) => void;
}

/**
 * @fires preview-example - {detail: ExampleRow} to be cut into pieces
 * @fires measure-example - {detail: MeasureExample}
 * @fires tune-examples - {detail: readonly ExampleRow[]} those that fit
 */
@customElement("examples-dialog")
export class ExamplesDialog extends LitElement {
  static override styles = [base, controls, voice, examplesStyles];

  /** The row in hand as the model will see it. */
  @property({ attribute: false }) pieces: readonly ChatPiece[] = [];
  /** Why nothing can be tuned now; "" = it can. */
  @property() blocked = "";
  /** The model that would be tuned. */
  @property() baseName = "";
  /** Columns of a row of that model: tokens that a conversation may have beside its last. */
  @property({ type: Number }) context = 0;

  @state() private rows: readonly ExampleRow[] = Array.from({ length: FEWEST_ROWS }, () => EMPTY);
  @state() private pasted = "";
  /** What the last paste or clearing replaced. */
  @state() private replaced: readonly ExampleRow[] | null = null;
  @query("dialog") private dialog!: HTMLDialogElement;
  private fits = this.newSizes();
  private current = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  private newSizes(): ExampleSizes {
    return new ExampleSizes((detail) => this.dispatchEvent(new CustomEvent<MeasureExample>("measure-example", { detail, bubbles: true, composed: true })), () => this.requestUpdate());
  }

  /** Another model may cut the same row into other pieces. */
  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("baseName") || changed.has("context")) this.fits = this.newSizes();
  }

  show(): void {
    this.rows = keptRows() ?? this.rows;
    this.dialog.showModal();
    this.preview(0);
  }

  override render(): unknown {
    const all = wholeRows(this.rows);
    this.fits.measure(all, this.context);
    const long = all.filter((row) => this.fits.tooLong(row, this.context)).length;
    const whole = all.length - long;
    const why = whole < FEWEST_ROWS ? `${plural(FEWEST_ROWS - whole, "more whole row")} needed` : this.blocked;
    return html`<dialog aria-label="Your examples" data-testid="examples">
      <header role="none">
        <h2>Your examples</h2>
        <button class="plain icon" aria-label="Close" data-testid="close-examples" @click=${() => this.dialog.close()}>${icons.close()}</button>
      </header>
      <p class="quiet small">Write or paste ${FEWEST_ROWS} to ${MOST_ROWS} questions with the answers you want: from a spreadsheet, as CSV, or as JSON lines. They stay in this browser.</p>
      <div class="rows" @paste=${this.onPaste}>
        <div class="row head"><span></span><b>Question</b><b>Answer</b><span></span></div>
        ${this.rows.map((row, i) => this.row(row, i))}
      </div>
      <div class="tools">
        <button class="plain" data-testid="add-example" ?disabled=${this.rows.length >= MOST_ROWS} @click=${this.onAdd}>Add a row</button>
        <button class="plain" ?disabled=${all.length === 0} @click=${() => this.replace(Array.from({ length: FEWEST_ROWS }, () => EMPTY), "Cleared.")}>Clear</button>
        ${this.replaced === null ? nothing : html`<button class="plain" data-testid="undo-examples" @click=${this.onUndo}>Undo</button>`}
        <span class="small said" role="status" data-testid="pasted">${this.pasted}</span>
      </div>
      <h3>As the model sees it</h3>
      <p class="pieces voice" data-testid="example-pieces">${this.pieces.length === 0
        ? html`<span class="quiet small">Fill a row to see the template around it.</span>`
        : this.pieces.map((piece) => html`<span class=${piece.learned ? "learned" : "read"} title="${piece.learned ? "learned" : "read, not learned from"}, number ${piece.id}">${piece.special ? html`<span class="marker">${markerName(piece.text)}</span>` : piece.text}</span>`)}</p>
      <p class="quiet small">Grey pieces are read; the loss lies on the others alone. <span class="marker">user</span>, <span class="marker">assistant</span> and <span class="marker">end</span> are the template's markers. One row in ten is held out and not trained on: it shows whether more than the words was learned.</p>
      <footer role="none">
        <span class="quiet small">${whole} of ${MOST_ROWS} rows${long === 0 ? "" : `, ${long} too long and left out`}${this.baseName === "" ? "" : `, for ${this.baseName}`}${why === "" ? "; about a minute at most" : `; ${why}`}</span>
        <button class="primary" data-testid="tune-examples" ?disabled=${why !== ""} @click=${this.onTune}>Tune on these</button>
      </footer>
    </dialog>`;
  }

  private row(row: ExampleRow, i: number): unknown {
    const field = (side: keyof ExampleRow): unknown => html`<textarea rows="1" maxlength=${MOST_CHARACTERS} aria-label="${side === "question" ? "Question" : "Answer"} ${i + 1}" data-testid="${side}-${i}" .value=${row[side]} @focus=${() => this.preview(i)} @input=${(event: Event) => this.onInput(i, side, event)}></textarea>`;
    return html`<div class="row">
      <span class="quiet small">${i + 1}</span>${field("question")}${field("answer")}
      <button class="plain icon" aria-label="Remove row ${i + 1}" ?disabled=${this.rows.length <= 1} @click=${() => this.replace(this.rows.filter((_, other) => other !== i), "Removed a row.")}>${icons.trash()}</button>
      ${this.fits.tooLong(trimmed(row), this.context) ? html`<span class="small long" data-testid="long-${i}">${this.fits.tokens(trimmed(row))} tokens with the template; ${this.baseName || "this base"} reads ${this.context + 1}. Shorten it, or it is left out.</span>` : nothing}
    </div>`;
  }

  private onInput(i: number, side: keyof ExampleRow, event: Event): void {
    const { value } = event.target as HTMLTextAreaElement;
    this.rows = this.rows.map((row, other) => (other === i ? { ...row, [side]: value } : row));
    this.keep();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.preview(i), 150);
  }

  private readonly onAdd = async (): Promise<void> => {
    this.rows = [...this.rows, EMPTY];
    this.keep();
    await this.updateComplete;
    this.renderRoot.querySelector<HTMLTextAreaElement>(`[data-testid="question-${this.rows.length - 1}"]`)?.focus();
  };

  /** A pasted table becomes rows after those that are filled; anything else goes into the field as it is. What does not fit is told. */
  private readonly onPaste = (event: ClipboardEvent): void => {
    const text = event.clipboardData?.getData("text/plain") ?? "";
    const found = readPasted(text);
    if (found === null) {
      const field = event.composedPath()[0];
      const full = field instanceof HTMLTextAreaElement && field.value.length - (field.selectionEnd - field.selectionStart) + text.length > MOST_CHARACTERS;
      this.pasted = full ? `That is no table, and longer than a field's ${MOST_CHARACTERS} characters: its end was left out.` : "";
      return;
    }
    event.preventDefault();
    const kept = this.rows.filter(({ question, answer }) => question !== "" || answer !== "");
    const room = MOST_ROWS - kept.length;
    const taken = found.rows.slice(0, room);
    const long = taken.filter(({ question, answer }) => question.length > MOST_CHARACTERS || answer.length > MOST_CHARACTERS).length;
    this.replace([...kept, ...taken.map(shortened)], [
      `${plural(taken.length, "row")} pasted${found.rows.length > room ? `; ${found.rows.length - room} left out, ${MOST_ROWS} are the most` : ""}.`, ...found.notes,
      ...(long > 0 ? [`${plural(long, "row")} cut: a field takes ${MOST_CHARACTERS} characters.`] : []),
    ].join(" "));
  };

  private replace(rows: readonly ExampleRow[], words: string): void {
    this.replaced = this.rows;
    this.rows = rows;
    this.pasted = words;
    this.keep();
    this.preview(0);
  }

  private readonly onUndo = (): void => {
    if (this.replaced === null) return;
    [this.rows, this.replaced, this.pasted] = [this.replaced, null, ""];
    this.keep();
    this.preview(0);
  };

  private preview(i: number): void {
    this.current = Math.min(i, this.rows.length - 1);
    const detail = trimmed(this.rows[this.current] ?? EMPTY);
    this.dispatchEvent(new CustomEvent<ExampleRow>("preview-example", { detail, bubbles: true, composed: true }));
  }

  private readonly onTune = (): void => {
    this.dialog.close();
    this.dispatchEvent(new CustomEvent("tune-examples", { detail: wholeRows(this.rows).filter((row) => !this.fits.tooLong(row, this.context)), bubbles: true, composed: true }));
  };

  /** Typed rows outlive a reload; where the browser keeps nothing they simply do not. */
  private keep(): void {
    if (!keepRows(this.rows)) this.pasted = "This browser keeps nothing: a reload loses these rows.";
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "examples-dialog": ExamplesDialog;
  }
}
