/** The strip under the bar: play, step, stop, where the run stands, and its large numbers. Asks for changes, makes none. */
import { LitElement, css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { RunState } from "../../protocol/index.ts";
import { NONE, formatClock, formatCount, formatDuration, formatLoss, formatShort } from "../shared/format.ts";
import { lossWords } from "./learning-data.ts";
import * as icons from "../shared/icons.ts";
import type { QuizScores } from "../page-state.ts";
import { isLive, remainingMs } from "../page-state.ts";
import { Curves } from "../charts/series.ts";
import { base, controls } from "../shared/shared-styles.ts";
import "./stage-bar.ts";

/**
 * @fires toggle-play - play or pause
 * @fires single-step - one optimizer step
 * @fires stop-run - end the run
 * @csspart loss - the loss
 */
@customElement("transport-strip")
export class TransportStrip extends LitElement {
  static override styles = [
    base,
    controls,
    css`
      :host {
        display: flex;
        align-items: center;
        gap: var(--s5);
        padding: var(--s3) var(--s4);
        background: var(--panel);
        border: 1px solid var(--line);
        border-radius: var(--r-l);
        box-shadow: var(--lift);
      }
      .keys {
        display: flex;
        gap: var(--s2);
      }
      .keys button {
        flex-direction: column;
        gap: 0.2rem;
        height: 3.3rem;
        width: 3.3rem;
        padding: 0;
        border-radius: var(--r-m);
      }
      .keys button svg {
        width: 20px;
        height: 20px;
      }
      .keys kbd {
        border: 0;
        padding: 0;
        color: inherit;
        opacity: 0.62;
        font-weight: 400;
      }
      stage-bar {
        flex: 1 1 14rem;
      }
      dl {
        display: flex;
        gap: var(--s5);
      }
      dl div {
        display: grid;
        grid-template-areas: "label" "value" "note";
        min-width: 5.2rem;
      }
      dt {
        grid-area: label;
        font-size: var(--t-xs);
        color: var(--ink-3);
      }
      dd.value {
        grid-area: value;
        font-size: var(--t-2xl);
        line-height: 1.1;
        font-weight: 500;
        letter-spacing: -0.02em;
      }
      dd.note {
        grid-area: note;
        font-size: var(--t-xs);
        color: var(--ink-3);
        min-height: 1.2em;
        white-space: nowrap;
      }
      .loss {
        min-width: 12.5rem;
      }
      .quiz dd.value small {
        font-size: 0.5em;
        color: var(--ink-3);
        font-weight: 400;
        letter-spacing: 0;
      }
      .quiz .b {
        color: var(--base);
      }
      .quiz .t {
        color: var(--tuned);
      }
      @media (max-width: 1180px) {
        :host {
          flex-wrap: wrap;
          gap: var(--s3) var(--s5);
        }
        dl {
          flex: 1 1 100%;
          flex-wrap: wrap;
          justify-content: space-between;
          gap: var(--s2) var(--s4);
        }
      }
      @media (max-width: 760px) {
        .keys,
        dl .narrow {
          display: none;
        }
      }
    `,
  ];

  @property({ attribute: false }) run: RunState | null = null;
  @property({ attribute: false }) curves: Curves = Curves.empty;
  /** Held-out questions right, as last measured. */
  @property({ attribute: false }) quiz: QuizScores = { total: 50 };
  /** Hidden time so far, milliseconds. */
  @property({ type: Number }) hiddenMs = 0;

  override render(): unknown {
    const { run } = this;
    const playing = run?.phase === "running";
    const idle = !isLive(run) || run.phase === "preparing";
    return html`
      <div class="keys">
        <button class="primary" data-testid="play" ?disabled=${idle} @click=${() => this.emit("toggle-play")}>
          <span class="visually-hidden">${playing ? "Pause" : "Play"}</span>${playing ? icons.pause() : icons.play()}<kbd>space</kbd>
        </button>
        <button data-testid="step" ?disabled=${idle} aria-label="One step, then pause (S)" title="One optimizer step, then pause" @click=${() => this.emit("single-step")}>
          ${icons.step()}<kbd>S</kbd>
        </button>
        <button data-testid="stop" ?disabled=${!isLive(run)} aria-label="Stop (X)" title="End the run; what was saved stays" @click=${() => this.emit("stop-run")}>
          ${icons.stop()}<kbd>X</kbd>
        </button>
      </div>
      <stage-bar .run=${run}></stage-bar>
      ${this.numbers()}
    `;
  }

  private numbers(): unknown {
    const { run, curves } = this;
    const left = run !== null && isLive(run) ? remainingMs(run) : undefined;
    const note = run === null ? "" : lossWords(curves.loss, run);
    return html`<dl>
      <div class="loss">
        <dt>Loss</dt>
        <dd class="value" part="loss" data-testid="loss">${formatLoss(curves.loss)}</dd>
        <dd class="note" data-testid="loss-words">${note}</dd>
      </div>
      <div class="narrow">
        <dt>Tokens/s</dt>
        <dd class="value" data-testid="tokens-per-sec">${formatShort(curves.tokensPerSec === undefined ? undefined : Math.round(curves.tokensPerSec))}</dd>
        <dd class="note">${curves.tokens > 0 ? `${formatShort(curves.tokens)} so far` : ""}</dd>
      </div>
      <div class="narrow">
        <dt data-testid="time-name">${run !== null && !isLive(run) ? "Time taken" : "Time left"}</dt>
        <dd class="value" data-testid="time-left">${run !== null && !isLive(run) ? formatClock(curves.trainMs) : formatClock(left)}</dd>
        <dd class="note">${this.hiddenMs > 0 ? `hidden ${formatDuration(this.hiddenMs)}, not counted` : ""}</dd>
      </div>
      ${this.questions()}
    </dl>`;
  }

  private questions(): unknown {
    const { base: before, tuned, total, step } = this.quiz;
    const side = (name: string, value: number | undefined): unknown => value === undefined ? html`<span class="quiet">${NONE}</span>` : html`<span class=${name}>${formatCount(value)}</span>`;
    return html`<div class="quiz" title="Questions about the made world that no training read, asked after each evaluation">
      <dt>World questions right</dt>
      <dd class="value" data-testid="quiz">${side("b", before)}<small> base </small>${side("t", tuned)}<small> tuned</small></dd>
      <dd class="note">${before === undefined && tuned === undefined ? nothing : html`of ${total}, held out${step === undefined ? nothing : html`, at step ${formatCount(step)}`}`}</dd>
    </div>`;
  }

  private emit(name: string): void {
    this.dispatchEvent(new CustomEvent(name, { bubbles: true, composed: true }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "transport-strip": TransportStrip;
  }
}
