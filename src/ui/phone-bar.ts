/** On a phone: play, the three numbers and the tabs, always in reach at the bottom. */
import { LitElement, css, html } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { RunState } from "../protocol/index.ts";
import { formatClock, formatLoss, formatShort } from "./shared/format.ts";
import * as icons from "./shared/icons.ts";
import { isLive, remainingMs } from "./page-state.ts";
import { Curves } from "./charts/series.ts";
import { base, controls } from "./shared/shared-styles.ts";

export type PhoneTab = "watch" | "ask" | "recipe";

/**
 * @fires toggle-play
 * @fires single-step
 * @fires stop-run
 * @fires choose-tab - {detail: PhoneTab}
 */
@customElement("phone-bar")
export class PhoneBar extends LitElement {
  static override styles = [
    base,
    controls,
    css`
      :host {
        position: fixed;
        inset: auto 0 0 0;
        z-index: 4;
        background: var(--panel);
        border-top: 1px solid var(--line);
        padding: var(--s2) var(--s3) calc(var(--s2) + env(safe-area-inset-bottom));
      }
      .now {
        display: flex;
        align-items: center;
        gap: var(--s2);
      }
      dl {
        flex: 1;
        display: grid;
        grid-template-columns: repeat(3, auto);
        justify-content: space-around;
      }
      dt {
        font-size: 0.7rem;
        color: var(--ink-3);
        line-height: 1.2;
      }
      dd {
        font-size: var(--t-l);
        font-weight: 500;
        line-height: 1.25;
      }
      nav {
        display: grid;
        grid-template-columns: repeat(3, 1fr);
        gap: var(--s1);
        margin-top: var(--s2);
      }
      nav button,
      nav button:hover:not(:disabled) {
        border-color: transparent;
        background: transparent;
        color: var(--ink-3);
      }
      nav button[aria-current="true"],
      nav button[aria-current="true"]:hover {
        background: var(--sunken);
        color: var(--ink);
        font-weight: 600;
      }
    `,
  ];

  @property({ attribute: false }) run: RunState | null = null;
  @property({ attribute: false }) curves: Curves = Curves.empty;
  @property() tab: PhoneTab = "recipe";

  override render(): unknown {
    const { run, curves } = this;
    const tabs: readonly [PhoneTab, string][] = [["watch", "Watch"], ["ask", "Ask"], ["recipe", run === null ? "Start" : "Recipe"]];
    return html`
      ${run === null ? "" : this.now(run, curves)}
      <nav aria-label="Parts of the page">
        ${tabs.map(([tab, name]) => html`<button aria-current=${this.tab === tab} data-testid="tab-${tab}" @click=${() => this.emit("choose-tab", tab)}>${name}</button>`)}
      </nav>
    `;
  }

  private now(run: RunState, curves: Curves): unknown {
    const playing = run.phase === "running";
    const idle = !isLive(run) || run.phase === "preparing";
    return html`<div class="now">
      <button class="primary icon" ?disabled=${idle} aria-label=${playing ? "Pause" : "Play"} @click=${() => this.emit("toggle-play")}>${playing ? icons.pause() : icons.play()}</button>
      <button class="icon" ?disabled=${idle} aria-label="One step, then pause" @click=${() => this.emit("single-step")}>${icons.step()}</button>
      <dl>
        <div><dt>Loss</dt><dd>${formatLoss(curves.loss)}</dd></div>
        <div><dt>Tokens/s</dt><dd>${formatShort(curves.tokensPerSec === undefined ? undefined : Math.round(curves.tokensPerSec))}</dd></div>
        <div><dt>${isLive(run) ? "Time left" : "Run"}</dt><dd>${isLive(run) ? formatClock(remainingMs(run)) : run.phase}</dd></div>
      </dl>
      <button class="icon" ?disabled=${!isLive(run)} aria-label="Stop" @click=${() => this.emit("stop-run")}>${icons.stop()}</button>
    </div>`;
  }

  private emit(name: string, detail?: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "phone-bar": PhoneBar;
  }
}
