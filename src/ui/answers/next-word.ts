/** What could come next after a prompt, as bars. Follows the model while it trains; computes nothing. */
import { LitElement, css, html } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { NextWordView } from "../../protocol/index.ts";
import { cssVars } from "../shared/css-vars.ts";
import { formatCount, formatPercent } from "../shared/format.ts";
import "../shared/panel-frame.ts";
import { base, controls, panelHost } from "../shared/shared-styles.ts";

/**
 * @fires watch-prompt - {detail: string} the prompt to follow
 * @fires show-pieces - how the tokenizer cuts text
 * @fires show-inside - what the model does with the prompt
 */
@customElement("next-word")
export class NextWord extends LitElement {
  static override styles = [
    base,
    controls,
    panelHost,
    css`
      input {
        width: 100%;
        font: 400 var(--t-l) / 1.3 var(--serif) !important;
      }
      ol {
        display: grid;
        grid-template-columns: fit-content(38%) 1fr 3.2rem;
        gap: 0.22rem var(--s2);
        margin-top: var(--s3);
      }
      li {
        display: grid;
        grid-column: 1 / -1;
        grid-template-columns: subgrid;
        align-items: center;
      }
      .word {
        font: 400 var(--t-m) / 1.3 var(--serif);
        white-space: pre;
        min-width: 3rem;
        overflow: hidden;
        text-overflow: ellipsis;
      }
      .bar {
        display: block;
        height: 0.85rem;
        border-radius: 0.2rem;
        background: var(--hue, var(--base));
        width: max(2px, calc(var(--share) * 100%));
        opacity: calc(0.45 + 0.55 * var(--share));
      }
      li span:last-child {
        font-size: var(--t-s);
        color: var(--ink-2);
      }
      .pieces {
        min-height: 1.7rem;
        padding: 0 var(--s2);
        font-size: var(--t-xs);
        font-weight: 400;
        color: var(--ink-3);
      }
      .empty {
        color: var(--ink-3);
        font-size: var(--t-s);
        padding-top: var(--s3);
      }
    `,
  ];

  @property({ attribute: false }) view: NextWordView | null = null;
  @property() prompt = "";
  /** True while a run updates the bars. */
  @property({ type: Boolean }) live = false;
  /** Candidates shown. */
  @property({ type: Number }) rows = 8;
  /** Colour token of the model that answers. */
  @property() hue = "--base";

  private timer: ReturnType<typeof setTimeout> | undefined;

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }

  override render(): unknown {
    const { view } = this;
    const best = view?.candidates[0]?.p ?? 1;
    return html`<panel-frame heading="Next word">
      <button class="plain pieces" slot="actions" data-testid="show-pieces" title="See how text is cut into pieces" @click=${this.onPieces}>pieces</button>
      <button class="plain pieces" slot="actions" data-testid="show-inside" title="See attention, layer by layer" @click=${this.onInside}>look inside</button>
      <span class="small quiet" slot="actions">${this.live && view !== null ? `live, step ${formatCount(view.step)}` : ""}</span>
      <input type="text" maxlength="400" aria-label="Text to continue" placeholder="Write the beginning of a sentence" data-testid="next-prompt" .value=${this.prompt} @input=${this.onInput} />
      ${view === null || view.candidates.length === 0
        ? html`<p class="empty">${this.prompt === "" ? "Write a few words to see what it expects next." : "The model's guesses appear here."}</p>`
        : html`<ol data-testid="next-words" ${cssVars({ "--hue": `var(${this.hue})` })}>
            ${view.candidates.slice(0, this.rows).map(
              ({ text, p }) => html`<li><span class="word">${visible(text)}</span><span class="bar" ${cssVars({ "--share": (p / best).toFixed(3) })}></span><span>${formatPercent(p)}</span></li>`,
            )}
          </ol>`}
    </panel-frame>`;
  }

  private readonly onPieces = (): void => {
    this.dispatchEvent(new CustomEvent("show-pieces", { bubbles: true, composed: true }));
  };

  private readonly onInside = (): void => {
    this.dispatchEvent(new CustomEvent("show-inside", { bubbles: true, composed: true }));
  };

  private readonly onInput = (event: Event): void => {
    const detail = (event.target as HTMLInputElement).value;
    clearTimeout(this.timer);
    // A pause in typing: each prompt costs the engine one pass through the model.
    this.timer = setTimeout(() => this.dispatchEvent(new CustomEvent("watch-prompt", { detail, bubbles: true, composed: true })), 220);
  };
}

/** A leading blank shows as an open box, since a piece with one is another piece than the same without. */
function visible(text: string): string {
  return text.replace(/\n/g, "⏎").replace(/^ /, "").trim() === "" ? text.replace(/ /g, "␣").replace(/\n/g, "⏎") : text.replace(/^ /, "").replace(/\n/g, "⏎");
}

declare global {
  interface HTMLElementTagNameMap {
    "next-word": NextWord;
  }
}
