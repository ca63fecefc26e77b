/** The logit lens: for every token (column), what the model would say next if it ended at each depth (row). A table one can walk. */
import type { PropertyValues } from "lit";
import { LitElement, css, html } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { InsideView } from "../../protocol/index.ts";
import { cssVars } from "../shared/css-vars.ts";
import { formatPercent } from "../shared/format.ts";
import type { Place } from "./inside-maths.ts";
import { depthName, moved, tokenLabel } from "./inside-maths.ts";
import { insideStyles } from "./inside-styles.ts";
import { base, controls } from "../shared/shared-styles.ts";

@customElement("lens-table")
export class LensTable extends LitElement {
  static override styles = [
    base,
    controls,
    insideStyles,
    css`
      td {
        padding: 0.2rem 0.5rem;
        text-align: left;
        cursor: default;
        border: 1px solid var(--panel);
        background: color-mix(in oklab, var(--hue, var(--base)) calc(var(--share) * 45%), var(--sunken));
      }
      td .token {
        display: block;
        max-width: 8rem;
        overflow: hidden;
        text-overflow: ellipsis;
      }
      td small {
        font-size: var(--t-xs);
        color: inherit; /* on the deepest tint a paler ink would be hard to read */
      }
      td[aria-selected="true"] {
        outline: 2px solid var(--ink);
        outline-offset: -2px;
      }
      thead th {
        text-align: left;
        vertical-align: bottom;
      }
      thead th:first-child,
      tbody th {
        position: sticky;
        left: 0;
        z-index: 1;
        background: var(--panel);
        text-align: right;
      }
    `,
  ];

  @property({ attribute: false }) view!: InsideView;

  @state() private place: Place = { row: 0, column: 0 };

  protected override willUpdate(changed: PropertyValues<this>): void {
    const { lens, tokens } = this.view;
    const before = changed.get("view");
    // Another text is looked at from its end and at full depth: what the model says next.
    if (changed.has("view") && (before?.tokens.length !== tokens.length || before.lens.length !== lens.length)) {
      this.place = { row: lens.length - 1, column: tokens.length - 1 };
      void this.updateComplete.then(() => this.renderRoot.querySelector(".scroll")?.scrollTo({ left: 1e6 }));
    }
  }

  override render(): unknown {
    const { lens, tokens, layers } = this.view;
    const { row, column } = this.place;
    return html`<div class="head"><h3>Logit lens</h3></div>
      <p class="why">What would come next after each token, were the model to end there. Read downwards: the last row is what it says.</p>
      <p class="readout" aria-live="polite" data-testid="lens-readout">${this.readout()}</p>
      <div class="scroll" tabindex="-1">
        <table role="grid" aria-label="Logit lens, depth by token" data-testid="lens" @keydown=${this.onKey}>
          <thead><tr><th scope="col">after</th>${tokens.map((text) => html`<th scope="col" class="token">${tokenLabel(text)}</th>`)}</tr></thead>
          <tbody>${lens.map((tokensOf, depth) => html`<tr><th scope="row">${depthName(depth, layers)}</th>${tokensOf.map(([best], t) => html`<td
            role="gridcell" tabindex=${depth === row && t === column ? 0 : -1} aria-selected=${depth === row && t === column ? "true" : "false"} ${cssVars({ "--share": (best?.p ?? 0).toFixed(3) })}
            @pointerenter=${() => this.go(depth, t)} @click=${() => this.go(depth, t)}><span class="token">${tokenLabel(best?.text ?? "")}</span><small>${formatPercent(best?.p)}</small></td>`)}</tr>`)}</tbody>
        </table>
      </div>`;
  }

  private readout(): unknown {
    const { lens, tokens, layers } = this.view;
    const { row, column } = this.place;
    return html`After <b>${tokenLabel(tokens[column]!)}</b> (token ${column + 1}), ${depthName(row, layers)}:
      ${lens[row]![column]!.map(({ text, p }, i) => html`${i === 0 ? "" : ", "}<b>${tokenLabel(text)}</b> ${formatPercent(p)}`)}.`;
  }

  private go(row: number, column: number): void {
    this.place = { row, column };
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    const place = moved(this.place, event.key, this.view.lens.length, this.view.tokens.length);
    if (place === null) return;
    event.preventDefault();
    this.place = place;
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>("td[tabindex='0']")?.focus());
  };
}

declare global {
  interface HTMLElementTagNameMap {
    "lens-table": LensTable;
  }
}
