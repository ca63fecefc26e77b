/** How large the gradients of the last step were, layer by layer as bars, and parameter by parameter as a table. */
import { LitElement, css, html } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { GradientNorms } from "../../protocol/index.ts";
import { cssVars } from "../shared/css-vars.ts";
import { formatCount, formatSmall } from "../shared/format.ts";
import { normGroups } from "./inside-maths.ts";
import { insideStyles } from "./inside-styles.ts";
import { base, controls } from "../shared/shared-styles.ts";

@customElement("gradient-bars")
export class GradientBars extends LitElement {
  static override styles = [
    base,
    controls,
    insideStyles,
    css`
      ol {
        display: grid;
        grid-template-columns: max-content minmax(4rem, 1fr) 4rem;
        gap: 0.3rem var(--s3);
        font-size: var(--t-s);
      }
      li {
        display: grid;
        grid-column: 1 / -1;
        grid-template-columns: subgrid;
        align-items: center;
      }
      li i {
        height: 0.85rem;
        border-radius: 0.2rem;
        background: var(--hue, var(--base));
        width: max(2px, calc(var(--share) * 100%));
      }
      td:first-child {
        text-align: left;
        font-family: var(--mono);
        font-size: var(--t-xs);
      }
    `,
  ];

  /** null = no step was taken since the run was opened. */
  @property({ attribute: false }) norms: GradientNorms | null = null;

  @state() private asTable = false;

  override render(): unknown {
    const { norms } = this;
    if (norms === null) return html`<h3>Gradients</h3><p class="why" data-testid="no-gradients">They come with a step: each layer's shows here after the next one.</p>`;
    return html`<div class="head">
        <h3>Gradients</h3>
        <button class="plain small" data-testid="gradient-table" aria-pressed=${this.asTable ? "true" : "false"} @click=${() => (this.asTable = !this.asTable)}>${this.asTable ? "show as bars" : "show as table"}</button>
      </div>
      <p class="why">Lengths of the gradients of step ${formatCount(norms.step)}, before clipping. Together ${formatSmall(norms.total)}, which is the curve's gradient norm.</p>
      ${this.asTable ? this.table(norms) : this.bars(norms)}`;
  }

  private bars(norms: GradientNorms): unknown {
    const groups = normGroups(norms);
    const most = Math.max(...groups.map(({ norm }) => norm)) || 1;
    return html`<ol data-testid="gradients">${groups.map(({ name, norm }) => html`<li><span>${name}</span><i ${cssVars({ "--share": (norm / most).toFixed(3) })}></i><span>${formatSmall(norm)}</span></li>`)}</ol>`;
  }

  private table(norms: GradientNorms): unknown {
    return html`<div class="scroll" tabindex="0" role="region" aria-label="Gradients as a table"><table data-testid="gradient-numbers">
      <thead><tr><th scope="col">parameter</th><th scope="col">numbers in it</th><th scope="col">norm</th></tr></thead>
      <tbody>${norms.parts.map(({ name, parameters, norm }) => html`<tr><td>${name}</td><td>${formatCount(parameters)}</td><td>${formatSmall(norm)}</td></tr>`)}</tbody>
    </table></div>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "gradient-bars": GradientBars;
  }
}
