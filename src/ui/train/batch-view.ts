/** One real row of the batch: each token coloured by its loss, its target beneath, masked ones grey, and the model's guesses. */
import { LitElement, css, html, nothing } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { BatchRowView, TokenCell } from "../../protocol/index.ts";
import { markerName } from "../answers/answer-view.ts";
import { cssVars } from "../shared/css-vars.ts";
import { formatCount, formatLoss, formatPercent } from "../shared/format.ts";
import "../shared/panel-frame.ts";
import { base, controls, panelHost } from "../shared/shared-styles.ts";

/** Loss at which the colour is full, nats: a token that had one chance in about 400. */
const FULL_HEAT = 6;

@customElement("batch-view")
export class BatchView extends LitElement {
  static override styles = [
    base,
    controls,
    panelHost,
    css`
      .row {
        display: flex;
        flex-wrap: wrap;
        align-content: start;
        gap: 0.22rem 1px;
        flex: 1;
        min-height: 3.4rem;
        overflow: auto;
        scrollbar-width: thin;
        padding: 2px;
        margin: -2px;
      }
      .cell {
        display: grid;
        min-width: 1ch;
        min-height: 0;
        padding: 0.05rem 0.18rem 0.12rem;
        border: 0;
        border-radius: 0.22rem;
        background: color-mix(in oklab, var(--heat) calc(var(--share) * 62%), transparent);
        font: 400 var(--t-m) / 1.35 var(--serif);
        text-align: left;
        justify-items: start;
        gap: 0;
        white-space: pre;
        cursor: default;
        transition: none;
      }
      .cell small {
        font: 400 0.66rem / 1.2 var(--sans);
        color: var(--ink-2);
      }
      .cell i {
        font: 400 0.8em / 1.7 var(--mono);
        color: var(--ink-2);
      }
      .cell.hot small,
      .cell.hot i {
        color: var(--ink);
      }
      .cell.masked {
        color: var(--ink-3);
        background: transparent;
        text-decoration: none;
      }
      .cell.on {
        box-shadow: 0 0 0 1.5px var(--ink-2);
      }
      .guesses {
        display: flex;
        flex-wrap: wrap;
        align-items: baseline;
        gap: 0 var(--s3);
        padding-top: var(--s2);
        font-size: var(--t-s);
        color: var(--ink-3);
        overflow: hidden;
        min-height: 2.1em;
      }
      .guesses b {
        font: 500 var(--t-m) / 1 var(--serif);
        color: var(--ink);
        white-space: pre;
      }
      .guesses .hit b {
        color: var(--good);
      }
      .scale {
        display: inline-flex;
        align-items: center;
        gap: var(--s2);
        font-size: var(--t-xs);
        color: var(--ink-3);
      }
      .scale i {
        width: 4rem;
        height: 0.5rem;
        border-radius: 0.25rem;
        background: linear-gradient(90deg, color-mix(in oklab, var(--heat) 4%, transparent), color-mix(in oklab, var(--heat) 62%, transparent));
      }
      .empty {
        color: var(--ink-3);
        font-size: var(--t-s);
        margin: auto;
      }
    `,
  ];

  @property({ attribute: false }) row: BatchRowView | null = null;

  /** The row in view; held still while someone looks at a token. */
  @state() private shown: BatchRowView | null = null;
  @state() private at: number | null = null;

  protected override willUpdate(): void {
    if (this.at === null) this.shown = this.row;
  }

  override render(): unknown {
    const { shown } = this;
    return html`<panel-frame heading="In this batch">
      <span class="scale" slot="actions">expected <i></i> surprising</span>
      ${shown === null
        ? html`<p class="empty">A row of what it is reading appears here with the first steps.</p>`
        : html`<div class="row" data-testid="batch" role="group" aria-label="Tokens of one row at step ${shown.step}" @pointerleave=${this.release} @focusout=${this.release} @keydown=${this.onKey}>
              ${shown.tokens.map((cell, i) => this.cell(cell, i))}
            </div>
            ${this.guesses(shown)}`}
    </panel-frame>`;
  }

  private cell(cell: TokenCell, i: number): unknown {
    const share = cell.masked ? 0 : Math.min(1, (cell.loss ?? 0) / FULL_HEAT);
    const classes = `cell${cell.masked ? " masked" : ""}${share > 0.5 ? " hot" : ""}${this.at === i ? " on" : ""}`;
    return html`<button class=${classes} tabindex=${i === (this.at ?? 0) ? 0 : -1} ${cssVars({ "--share": share.toFixed(2) })}
      @pointerenter=${() => (this.at = i)} @focus=${() => (this.at = i)}>${shownPiece(cell.text)}<span class="visually-hidden">, next </span><small>${cell.masked ? "\u00b7" : shownPiece(cell.targetText)}</small></button>`;
  }

  private guesses(row: BatchRowView): unknown {
    const cell = this.at === null ? undefined : row.tokens[this.at];
    if (cell === undefined)
      return html`<p class="guesses">Step ${formatCount(row.step)}. Under each token, the one to be guessed next; ${row.tokens.some((token) => token.masked) ? "grey ones are read, not learned from." : "point at one for the model's guesses."}</p>`;
    if (cell.masked) return html`<p class="guesses">Masked: part of the question, read but not learned from.</p>`;
    return html`<p class="guesses">
      <span>after “${cell.text}”, loss ${formatLoss(cell.loss)}:</span>
      ${cell.top.slice(0, 5).map((guess) => html`<span class=${guess.text === cell.targetText ? "hit" : ""}><b>${guess.text}</b> ${formatPercent(guess.p)}</span>`)}
      ${cell.top.some((guess) => guess.text === cell.targetText) ? nothing : html`<span>right: <b>${cell.targetText}</b></span>`}
    </p>`;
  }

  private readonly release = (): void => {
    this.at = null;
  };

  private readonly onKey = (event: KeyboardEvent): void => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined || this.shown === null) return;
    event.preventDefault();
    const next = Math.min(this.shown.tokens.length - 1, Math.max(0, (this.at ?? 0) + step));
    this.renderRoot.querySelectorAll<HTMLButtonElement>(".cell")[next]?.focus();
  };
}

/** The template's and the documents' markers by their short names. */
const shownPiece = (text: string): unknown => (/^<\|.+\|>$/.test(text) ? html`<i>${markerName(text)}</i>` : text);

declare global {
  interface HTMLElementTagNameMap {
    "batch-view": BatchView;
  }
}
