/** What the engine or the page has to tell, as short cards in a corner, each with its stable code. */
import { LitElement, css, html, nothing } from "lit";
import { customElement, property } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import * as icons from "./shared/icons.ts";
import type { Notice } from "./page-state.ts";
import { base, controls } from "./shared/shared-styles.ts";

/** An information goes by itself after this long; a warning or an error stays until it is closed. */
const INFO_MS = 8000;

/** @fires dismiss - {detail: number} the notice's id */
@customElement("notice-stack")
export class NoticeStack extends LitElement {
  static override styles = [
    base,
    controls,
    css`
      :host {
        position: fixed;
        left: var(--s4);
        bottom: var(--s4);
        z-index: 5;
        display: grid;
        gap: var(--s2);
        width: min(26rem, calc(100% - 2 * var(--s4)));
        pointer-events: none;
      }
      .notice {
        --hue: var(--ink-3);
        pointer-events: auto;
        display: grid;
        grid-template-columns: 1fr auto;
        gap: 0 var(--s2);
        align-items: start;
        background: var(--raised);
        border: 1px solid var(--line);
        border-left: 3px solid var(--hue);
        border-radius: var(--r-m);
        box-shadow: var(--float);
        padding: var(--s3) var(--s2) var(--s3) var(--s4);
        font-size: var(--t-s);
        overflow-wrap: anywhere;
      }
      .warning {
        --hue: var(--warn);
      }
      .error {
        --hue: var(--bad);
      }
      code {
        font: 500 var(--t-xs) / 1.4 var(--mono);
        color: var(--ink-3);
      }
      button.icon {
        min-height: 1.7rem;
        width: 1.7rem;
        color: var(--ink-3);
      }
      @media (max-width: 760px) {
        :host {
          bottom: calc(7.5rem + env(safe-area-inset-bottom));
        }
        .notice:nth-last-child(3) {
          display: none;
        }
      }
      /* More would cover the page; closing one brings the next. */
      .notice:not(:nth-last-child(-n + 3)) {
        display: none;
      }
    `,
  ];

  @property({ attribute: false }) notices: readonly Notice[] = [];

  private readonly timers = new Map<number, ReturnType<typeof setTimeout>>();

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
  }

  protected override updated(): void {
    for (const { id, level } of this.notices) {
      if (level === "info" && !this.timers.has(id)) this.timers.set(id, setTimeout(() => this.dismiss(id), INFO_MS));
    }
  }

  override render(): unknown {
    return repeat(
      this.notices,
      (notice) => notice.id,
      (notice) => html`<div class="notice ${notice.level}" role=${notice.level === "error" ? "alert" : "status"} data-testid="notice">
        <div>${notice.text}${notice.times > 1 ? html` <span class="quiet">(${notice.times} times)</span>` : nothing}${notice.level === "info" ? nothing : html` <code>${notice.code}</code>`}</div>
        <button class="plain icon" aria-label="Dismiss" @click=${() => this.dismiss(notice.id)}>${icons.close()}</button>
      </div>`,
    );
  }

  private dismiss(id: number): void {
    clearTimeout(this.timers.get(id));
    this.timers.delete(id);
    this.dispatchEvent(new CustomEvent("dismiss", { detail: id, bubbles: true, composed: true }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "notice-stack": NoticeStack;
  }
}
