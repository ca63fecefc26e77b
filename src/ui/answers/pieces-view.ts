/** Any text as the tokenizer cuts it: coloured pieces with their ids, in a dialog. Cuts nothing itself. */
import { LitElement, css, html } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { plural } from "../shared/format.ts";
import * as icons from "../shared/icons.ts";
import { drawerStyles } from "../shared/drawer-styles.ts";
import { base, controls } from "../shared/shared-styles.ts";

export interface Piece {
  readonly id: number;
  readonly text: string;
}

/** @fires tokenize - {detail: string} the text to cut; the answer comes back as `pieces` */
@customElement("pieces-view")
export class PiecesView extends LitElement {
  static override styles = [
    base,
    controls,
    drawerStyles,
    css`
      textarea {
        width: 100%;
        min-height: 6rem;
        margin: var(--s3) 0;
        font-family: var(--serif);
        font-size: var(--t-l);
      }
      .pieces {
        font: 400 var(--t-l) / 2 var(--serif);
        overflow-wrap: anywhere;
        white-space: pre-wrap;
      }
      .pieces span {
        padding: 0.12em 0.05em;
        border-radius: 0.2em;
        box-decoration-break: clone;
        -webkit-box-decoration-break: clone;
      }
      .pieces .c0 {
        background: var(--base-soft);
      }
      .pieces .c1 {
        background: var(--tuned-soft);
      }
      .pieces .c2 {
        background: color-mix(in oklab, var(--ink) 10%, transparent);
      }
      .pieces .c3 {
        background: color-mix(in oklab, var(--warn) 18%, transparent);
      }
    `,
  ];

  @property({ attribute: false }) pieces: readonly Piece[] = [];

  @state() private text = "The nightingale sang unhappily beneath the moonlit window.";
  @query("dialog") private dialog!: HTMLDialogElement;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** Opens the dialog and asks for the text in it. */
  show(): void {
    this.dialog.showModal();
    this.ask();
  }

  override render(): unknown {
    const characters = [...this.text].length;
    const ratio = this.pieces.length === 0 ? "" : `, ${(characters / this.pieces.length).toFixed(1)} characters each`;
    return html`<dialog aria-label="Pieces of text" data-testid="pieces">
      <header role="none">
        <h2>Pieces of text</h2>
        <button class="plain icon" aria-label="Close" @click=${() => this.dialog.close()}>${icons.close()}</button>
      </header>
      <p class="quiet small">The model reads numbers. Its tokenizer cuts text into pieces that it saw often, and gives each a number.</p>
      <textarea maxlength="4000" aria-label="Text to cut" .value=${this.text} @input=${this.onInput}></textarea>
      <p class="pieces">${this.pieces.map((piece, i) => html`<span class="c${i % 4}" title="number ${piece.id}">${piece.text}</span>`)}</p>
      <p class="quiet small">${plural(this.pieces.length, "piece")}${ratio}</p>
    </dialog>`;
  }

  private readonly onInput = (event: Event): void => {
    this.text = (event.target as HTMLTextAreaElement).value;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), 150);
  };

  private ask(): void {
    this.dispatchEvent(new CustomEvent("tokenize", { detail: this.text, bubbles: true, composed: true }));
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "pieces-view": PiecesView;
  }
}
