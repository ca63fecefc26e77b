/** How much it has read so far, in human terms. Words are estimated from tokens by a measured ratio, and the line says so. */
import { LitElement, css, html } from "lit";
import { customElement, property } from "lit/decorators.js";
import { READING_WORDS_PER_MINUTE, formatDuration, formatShort, readingTimeMs } from "../shared/format.ts";
import { base } from "../shared/shared-styles.ts";

/** Tokens that GPT-3 was trained on (Brown et al. 2020, table 2.1). */
export const GPT3_TOKENS = 300e9;

@customElement("reading-meter")
export class ReadingMeter extends LitElement {
  static override styles = [
    base,
    css`
      :host {
        background: var(--panel);
        border: 1px solid var(--line);
        border-radius: var(--r-l);
        box-shadow: var(--lift);
        padding: var(--s3) var(--s4);
        font-size: var(--t-s);
        color: var(--ink-2);
        line-height: 1.45;
        text-wrap: pretty;
      }
      b {
        color: var(--ink);
        font-weight: 600;
      }
    `,
  ];

  /** Tokens trained on so far. */
  @property({ type: Number }) tokens = 0;
  @property({ type: Number }) tokensPerSec = 0;
  /** Tokens that one word of plain English makes in this run's tokenizer. */
  @property({ type: Number }) tokensPerWord = 1.4;

  override render(): unknown {
    if (this.tokens === 0) return html`<p class="quiet">Has read nothing yet.</p>`;
    const words = this.tokens / this.tokensPerWord;
    return html`<p
      title="A word of plain English is ${this.tokensPerWord.toFixed(2)} tokens here, measured on a short passage. People read about ${READING_WORDS_PER_MINUTE} words a minute. GPT-3 was trained on 300 billion tokens."
    >
      Has read about <b>${formatShort(Math.round(words))} words</b>: <b>${formatDuration(readingTimeMs(words))}</b> of human reading at ${READING_WORDS_PER_MINUTE} words a minute.
      ${this.tokensPerSec > 0 ? html`For 300 billion tokens, what GPT-3 read, this machine would need <b>${formatDuration((GPT3_TOKENS / this.tokensPerSec) * 1000)}</b>.` : ""}
    </p>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "reading-meter": ReadingMeter;
  }
}
