/** What came of a text in the kernel lab: a row for each shape, and the losses of training with it beside the shipped ones. Runs nothing. */
import { LitElement, css, html, nothing, svg } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { KernelParity, KernelTrial } from "../../protocol/index.ts";
import { formatCount, formatLoss } from "../shared/format.ts";
import { short } from "./bench-columns.ts";
import { base, numberTable } from "../shared/shared-styles.ts";

const WIDTH = 640;
const HEIGHT = 220;
const PAD = { left: 48, right: 12, top: 12, bottom: 30 } as const;


@customElement("kernel-results")
export class KernelResults extends LitElement {
  static override styles = [
    base,
    numberTable,
    css`
      table {
        width: 100%;
      }
      td.note {
        min-width: 16rem;
        white-space: normal;
      }
      .right,
      .faster,
      .pass {
        color: var(--good);
      }
      .wrong,
      .ended,
      .failed,
      .slower,
      .fail {
        color: var(--bad);
      }
      h2 {
        margin: var(--s4) 0 var(--s1);
        font-size: var(--t-m);
        font-weight: 600;
      }
      p {
        max-width: 75ch;
        color: var(--ink-2);
      }
      svg {
        display: block;
        width: 100%;
        max-width: 48rem;
        height: auto;
        margin-top: var(--s2);
        font: 400 12px var(--sans);
        fill: var(--ink-2);
      }
      .axis {
        stroke: var(--line-strong);
      }
      polyline {
        fill: none;
        stroke-width: 2;
      }
      .shipped {
        stroke: var(--base);
      }
      .edited {
        stroke: var(--tuned);
        stroke-dasharray: 6 4;
      }
      @media (max-width: 760px) {
        svg {
          font-size: 20px;
        }
      }
    `,
  ];

  @property({ attribute: false }) rows: readonly KernelTrial[] = [];
  @property({ attribute: false }) parity: KernelParity | null = null;

  override render(): unknown {
    return html`${this.rows.length === 0 ? nothing : this.table()} ${this.parity === null ? nothing : this.training(this.parity)}`;
  }

  private table(): unknown {
    const timed = this.rows.some(({ ratio }) => ratio !== undefined);
    return html`<h2>Shape by shape</h2><div class="scroll" tabindex="0" role="region" aria-label="Shapes that were tried"><table data-testid="lab-rows">
      <thead><tr><th scope="col" class="text">shape</th><th scope="col">in a step</th><th scope="col" class="text">result</th><th scope="col">error / allowed</th>
        ${timed ? html`<th scope="col">yours, ms</th><th scope="col">shipped, ms</th><th scope="col">times as fast</th><th scope="col">noise</th><th scope="col" class="text">beyond the noise</th><th scope="col" class="text">against</th>` : nothing}<th scope="col" class="text">why</th></tr></thead>
      <tbody>${this.rows.map((row) => html`<tr>
        <td class="text">${row.shape}</td><td>${row.launches === undefined ? "" : formatCount(row.launches)}</td><td class="text ${row.status}">${row.status}</td><td>${short(row.error_vs_bound)}</td>
        ${timed ? html`<td>${short(row.edited_ms)}</td><td>${short(row.shipped_ms)}</td><td>${short(row.ratio)}</td><td>${row.noise === undefined ? "" : `${(100 * row.noise).toFixed(1)} %`}</td><td class="text ${row.verdict ?? ""}">${row.verdict ?? ""}</td><td class="text">${row.shipped_variant ?? ""}</td>` : nothing}
        <td class="text note">${row.note}</td></tr>`)}</tbody>
    </table></div>`;
  }

  private training(parity: KernelParity): unknown {
    const { pass, sameBits, worst, worstStep, allowed, note, used, of, shipped, edited } = parity;
    const words = note !== "" ? note : sameBits ? "Every loss has the same bits as with the shipped kernel." : `Losses differ by ${worst.toExponential(1)} at most, at step ${worstStep}; ${allowed} nats a token are allowed. They do not have the same bits.`;
    return html`<h2>Training with it</h2>
      <p data-testid="lab-parity"><strong class=${pass ? "pass" : "fail"}>${pass ? "The losses agree." : "The losses do not agree."}</strong> ${words} Of ${of} launches of ${parity.kernel} in a step of the tiny reference training, ${used} took the text. A step took ${short(parity.edited_ms)} ms with it and ${short(parity.shipped_ms)} ms as shipped, in turns.</p>
      ${shipped.length > 1 ? this.curves(shipped, edited) : nothing}`;
  }

  private curves(shipped: readonly number[], edited: readonly number[]): unknown {
    const all = [...shipped, ...edited];
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const x = (i: number): number => PAD.left + ((WIDTH - PAD.left - PAD.right) * i) / Math.max(1, shipped.length - 1);
    const y = (loss: number): number => PAD.top + (HEIGHT - PAD.top - PAD.bottom) * (1 - (loss - low) / Math.max(1e-9, high - low));
    const points = (losses: readonly number[]): string => losses.map((loss, i) => `${x(i).toFixed(1)},${y(loss).toFixed(1)}`).join(" ");
    const bottom = HEIGHT - PAD.bottom;
    return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" data-testid="lab-curves" aria-label="Training loss by step, from ${formatLoss(shipped[0])} to ${formatLoss(shipped.at(-1))} as shipped and to ${formatLoss(edited.at(-1))} with the text">
      ${svg`<line class="axis" x1=${PAD.left} x2=${WIDTH - PAD.right} y1=${bottom} y2=${bottom} />
        <text x=${PAD.left - 6} y=${y(high) + 8} text-anchor="end">${formatLoss(high)}</text><text x=${PAD.left - 6} y=${bottom} text-anchor="end">${formatLoss(low)}</text>
        <text x=${PAD.left} y=${HEIGHT - 8}>step 1</text><text x=${WIDTH - PAD.right} y=${HEIGHT - 8} text-anchor="end">step ${shipped.length}</text>
        <polyline class="shipped" points=${points(shipped)} /><polyline class="edited" points=${points(edited)} />
        <text x=${WIDTH - PAD.right} y=${PAD.top + 10} text-anchor="end">shipped: line; yours: dashes</text>`}
    </svg>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "kernel-results": KernelResults;
  }
}
