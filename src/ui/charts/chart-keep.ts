/** Ways to keep a chart, behind one small button. Keeps nothing itself. */
import { LitElement, css, html } from "lit";
import { customElement, property, query } from "lit/decorators.js";
import type { KeptAs } from "./chart-export.ts";
import * as icons from "../shared/icons.ts";
import { base, controls } from "../shared/shared-styles.ts";

const WAYS: readonly (readonly [KeptAs, string])[] = [["png", "Picture (PNG)"], ["csv", "Numbers (CSV)"], ["table", "Show as table"]];

/** @fires keep-chart - {detail: KeptAs} */
@customElement("chart-keep")
export class ChartKeep extends LitElement {
  static override styles = [
    base,
    controls,
    css`
      :host {
        position: relative;
      }
      summary {
        display: grid;
        place-items: center;
        list-style: none;
        cursor: pointer;
        min-width: 2rem;
        min-height: 2rem;
        border-radius: var(--r-s);
      }
      progress {
        width: 1.6rem;
      }
      summary::-webkit-details-marker {
        display: none;
      }
      div {
        position: absolute;
        right: 0;
        z-index: 5;
        display: grid;
        gap: var(--s1);
        padding: var(--s2);
        background: var(--raised);
        border: 1px solid var(--line);
        border-radius: var(--r-m);
        box-shadow: var(--lift);
      }
      button {
        white-space: nowrap;
        text-align: left;
      }
    `,
  ];

  /** A file is being written. */
  @property({ type: Boolean }) busy = false;
  @query("details") private details!: HTMLDetailsElement;

  override render(): unknown {
    return html`<details data-testid="keep" @focusout=${this.onFocusOut} @keydown=${this.onKey}>
      <summary aria-label=${this.busy ? "Writing the numbers" : "Keep this chart"} title="Keep this chart">${this.busy ? html`<progress aria-label="Writing the numbers"></progress>` : icons.download()}</summary>
      <div>${WAYS.map(([what, label]) => html`<button class="plain" data-testid="keep-${what}" @click=${() => this.keep(what)}>${label}</button>`)}</div>
    </details>`;
  }

  private keep(detail: KeptAs): void {
    this.details.open = false;
    this.dispatchEvent(new CustomEvent<KeptAs>("keep-chart", { detail, bubbles: true, composed: true }));
  }

  private readonly onFocusOut = (event: FocusEvent): void => {
    if (!this.details.contains(event.relatedTarget as Node | null)) this.details.open = false;
  };

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.key !== "Escape" || !this.details.open) return;
    event.stopPropagation();
    this.details.open = false;
    this.details.querySelector("summary")!.focus();
  };
}

declare global {
  interface HTMLElementTagNameMap {
    "chart-keep": ChartKeep;
  }
}
