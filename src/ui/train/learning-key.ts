/** What the colours and shapes of a chart mean, for those that are in it. */
import { html, nothing } from "lit";
import { cssVars } from "../shared/css-vars.ts";
import type { ChartLine } from "../charts/line-chart.ts";

const STAGES: readonly (readonly [color: string, name: string])[] = [["--base", "pre-training"], ["--tuned", "fine-tuning"]];

const item = (shape: string, color: string, name: string): unknown => html`<span><i class=${shape} ${cssVars({ "--swatch": `var(${color})` })}></i>${name}</span>`;

export function chartKey(lines: readonly ChartLine[]): unknown {
  const has = (kind: ChartLine["kind"], color?: string, dash = false): boolean =>
    lines.some((line) => line.kind === kind && (color === undefined || line.color === color) && (line.dash ?? false) === dash);
  const solid = STAGES.filter(([color]) => has("line", color));
  return html`<span class="key quiet small" data-testid="chart-key">
    ${solid.map(([color, name]) => item("stroke", color, name))}
    ${has("edge") ? item("band", solid[0]?.[0] ?? "--ink-3", "lowest to highest") : nothing}
    ${has("dots") ? item("ring", "--ink-2", "held-out") : nothing}
    ${has("dots", "--base", true) ? item("ring dashed", "--base", "held-out, old text") : nothing}
  </span>`;
}
