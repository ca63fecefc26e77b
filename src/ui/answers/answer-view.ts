/** One model's answer as it streams: the question with its template markers, the tokens, and how it ended. */
import { LitElement, css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Answer, Side } from "../page-state.ts";
import { base, controls, voice } from "../shared/shared-styles.ts";
import type { SideChoice } from "../models/sides.ts";

/**
 * @fires choose-model - {detail: {side, id}} another model is to answer on this side
 * @csspart text - what the model wrote
 */
@customElement("answer-view")
export class AnswerView extends LitElement {
  static override styles = [
    base,
    controls,
    voice,
    css`
      :host {
        --hue: var(--base);
        --soft: var(--base-soft);
        display: flex;
        flex-direction: column;
        min-height: 0;
        border-radius: var(--r-m);
        background: var(--soft);
        padding: var(--s2) var(--s3) var(--s3);
      }
      :host([side="tuned"]) {
        --hue: var(--tuned);
        --soft: var(--tuned-soft);
      }
      header {
        display: flex;
        align-items: center;
        gap: var(--s2);
        font-size: var(--t-s);
        font-weight: 600;
        color: var(--hue);
      }
      select {
        flex: 1;
        min-width: 0;
        min-height: 1.8rem;
        border-color: transparent;
        background: transparent;
        color: var(--ink-3);
        font-size: var(--t-xs);
        font-weight: 400;
        text-align: right;
        text-align-last: right;
        padding: 0;
        text-overflow: ellipsis;
      }
      select:hover {
        color: var(--ink);
      }
      select option {
        background: var(--raised);
        color: var(--ink);
      }
      .text {
        flex: 1;
        overflow: auto;
        scrollbar-width: thin;
        min-height: 2.6em;
        padding-top: var(--s1);
        mask-image: linear-gradient(#000 calc(100% - 0.9em), #0000);
        padding-bottom: 0.7em;
      }
      .caret::after {
        content: "";
        display: inline-block;
        width: 0.5ch;
        height: 1em;
        vertical-align: -0.12em;
        background: var(--hue);
        animation: blink 1s steps(2, jump-none) infinite;
      }
      @keyframes blink {
        to {
          opacity: 0.15;
        }
      }
      @media (prefers-reduced-motion: reduce) {
        .caret::after {
          animation: none;
        }
      }
      .foot {
        font-size: var(--t-xs);
        color: var(--ink-3);
        padding-top: var(--s1);
        white-space: nowrap;
        overflow: hidden;
        text-overflow: ellipsis;
      }
      .foot.bad {
        white-space: normal;
        color: var(--bad);
      }
    `,
  ];

  @property({ reflect: true }) side: Side = "base";
  @property({ attribute: false }) answer: Answer | null = null;
  @property({ attribute: false }) choices: readonly SideChoice[] = [];
  /** The prompt was wrapped in the chat template. */
  @property({ type: Boolean }) chat = false;
  /** The chosen model's id; "" when there is none. */
  @property() chosen = "";
  /** Said in place of an answer when no model stands on this side. */
  @property() empty = "";

  override render(): unknown {
    const name = this.side === "base" ? "Base" : "Tuned";
    return html`
      <header>
        ${name}
        ${this.choices.length === 0
          ? nothing
          : html`<select aria-label="Model that answers as ${name.toLowerCase()}" @change=${this.onChoose}>
              ${this.chosen === "" ? html`<option value="" selected>none yet</option>` : nothing}
              ${this.choices.map(({ id, label }) => html`<option value=${id} ?selected=${id === this.chosen}>${label}</option>`)}
            </select>`}
      </header>
      ${this.body()}
    `;
  }

  private body(): unknown {
    const { answer } = this;
    if (answer === null) return html`<p class="text quiet small">${this.empty}</p>`;
    const open = answer.status !== "done";
    return html`
      <div class="text voice ${open ? "caret" : ""}" part="text" data-testid="answer-${this.side}">${this.chat ? html`<span class="marker" title="&lt;|assistant|&gt;">assistant</span> ` : nothing}${answer.tokens.map((token) =>
        token.special ? html`<span class="marker" title=${token.text}>${markerName(token.text)}</span>` : token.text,
      )}</div>
      ${this.foot(answer)}
    `;
  }

  private foot(answer: Answer): unknown {
    if (answer.error !== undefined) return html`<p class="foot bad">${answer.error.message}</p>`;
    if (answer.status === "waiting") return html`<p class="foot">thinking</p>`;
    if (answer.status === "streaming") return html`<p class="foot">${answer.tokens.length} tokens</p>`;
    const how = { end: "ended its turn", length: "cut at the length limit", stopped: "stopped", error: "failed" }[answer.reason ?? "end"];
    // Another model may have been chosen since.
    const other = answer.model !== "" && this.choices.every(({ id, label }) => id !== this.chosen || label !== answer.model);
    const line = `${other ? `${answer.model}: ` : ""}${answer.tokens.length} tokens, ${how}${answer.note === undefined ? "" : `. ${answer.note}`}`;
    return html`<p class="foot" title=${line}>${line}</p>`;
  }

  private readonly onChoose = (event: Event): void => {
    const detail = { side: this.side, id: (event.target as HTMLSelectElement).value };
    this.dispatchEvent(new CustomEvent("choose-model", { detail, bubbles: true, composed: true }));
  };
}

/** "<|end|>" as "end"; the whole marker is in the title. */
export const markerName = (text: string): string => /^<\|(.+)\|>$/.exec(text)?.[1] ?? text;

declare global {
  interface HTMLElementTagNameMap {
    "answer-view": AnswerView;
  }
}
