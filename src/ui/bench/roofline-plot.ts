/** Rows under the device's own roofs: what each kernel reached, over how many operations it has for a byte. Both axes are logarithmic. */
import { LitElement, css, html, nothing, svg } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { BenchRow } from "../../protocol/index.ts";
import { formatFigure } from "../shared/format.ts";
import { GROUPS, groupOf } from "./profile-maths.ts";
import { profileStyles } from "./profile-styles.ts";
import { base } from "../shared/shared-styles.ts";

const HEIGHT = 260;
const WIDTH = 640;
const PAD = { left: 48, right: 12, top: 10, bottom: 30 } as const;

@customElement("roofline-plot")
export class RooflinePlot extends LitElement {
  static override styles = [
    base,
    profileStyles,
    css`
      svg {
        height: auto;
      }
      @media (max-width: 760px) {
        svg {
          font-size: 20px;
        }
      }
      .roof {
        fill: none;
        stroke: var(--ink);
        stroke-width: 1.5;
      }
      .grid {
        stroke: var(--line);
      }
      circle {
        stroke: var(--ink-2);
      }
      circle.plain {
        fill: none;
      }
      .legend {
        margin: var(--s3) 0 0;
      }
      i.hollow {
        border: 1.5px solid var(--ink-2);
        border-radius: 50%;
      }
    `,
  ];

  @property({ attribute: false }) rows: readonly BenchRow[] = [];
  @property({ attribute: false }) peak: { readonly gflops: number; readonly gbps: number } = { gflops: 1, gbps: 1 };

  override render(): unknown {
    const shown = this.rows.filter(({ status, gflops, intensity }) => status === "ok" && gflops !== undefined && intensity !== undefined);
    const { gflops, gbps } = this.peak;
    const ridge = gflops / gbps;
    // Room on both sides, so that no point is cut.
    const [low, high] = shown.reduce(([a, b], { intensity }) => [Math.min(a, intensity! / 1.3), Math.max(b, intensity! * 1.3)], [ridge / 8, ridge * 8]);
    const top = shown.reduce((most, row) => Math.max(most, row.gflops!), gflops) * 1.5;
    const bottom = shown.reduce((least, row) => Math.min(least, row.gflops!), Math.min(gflops, low * gbps)) / 1.5;
    const x = (value: number): number => PAD.left + ((WIDTH - PAD.left - PAD.right) * Math.log(value / low)) / Math.log(high / low);
    const y = (value: number): number => HEIGHT - PAD.bottom - ((HEIGHT - PAD.top - PAD.bottom) * Math.log(value / bottom)) / Math.log(top / bottom);
    const roof = (value: number): number => Math.min(gflops, value * gbps);
    const tens = (from: number, to: number): number[] => {
      const first = Math.ceil(Math.log10(from));
      return Array.from({ length: Math.max(0, Math.floor(Math.log10(to)) - first + 1) }, (_, i) => 10 ** (first + i));
    };
    const groups = GROUPS.filter((group) => shown.some((row) => row.chosen && groupOf(row.name) === group));
    return html`<div class="legend">${groups.map((group) => html`<span><i class=${group}></i>${group}</span>`)}${shown.some(({ chosen }) => !chosen) ? html`<span><i class="hollow"></i>variants that do not train</span>` : nothing}</div>
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Roofline of ${shown.length} rows: at most ${formatFigure(gflops)} GFLOP/s and ${formatFigure(gbps)} GB/s were measured" data-testid="roofline">
      ${tens(bottom, top).map((value) => svg`<line class="grid" x1=${PAD.left} x2=${WIDTH - PAD.right} y1=${y(value)} y2=${y(value)}></line><text x=${PAD.left - 6} y=${y(value) + 4} text-anchor="end">${formatFigure(value)}</text>`)}
      ${tens(low, high).map((value) => svg`<text x=${x(value)} y=${HEIGHT - 10} text-anchor="middle">${formatFigure(value)}</text>`)}
      <text x=${PAD.left} y=${PAD.top + 8}>GFLOP/s</text><text x=${WIDTH - PAD.right} y=${HEIGHT - PAD.bottom - 6} text-anchor="end">operations a byte</text>
      <polyline class="roof" points="${x(low)},${y(roof(low))} ${x(ridge)},${y(gflops)} ${x(high)},${y(roof(high))}"></polyline>
      ${shown.map((row) => svg`<circle class="${row.chosen ? groupOf(row.name) : "plain"}" r="4.5" cx=${x(row.intensity!)} cy=${y(row.gflops!)}><title>${row.name} ${row.shape}, ${row.variant}: ${formatFigure(row.gflops)} GFLOP/s${row.roofline === undefined ? "" : `, ${Math.round(row.roofline)} % of the roof`}</title></circle>`)}
    </svg>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "roofline-plot": RooflinePlot;
  }
}
