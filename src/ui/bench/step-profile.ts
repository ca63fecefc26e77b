/** One training step taken apart: its launches as a flame chart, its kernels as a table, its memory as a map. Measures nothing. */
import { LitElement, html, nothing, svg } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import type { ErrorReport, StepProfile } from "../../protocol/index.ts";
import { drawerStyles } from "../shared/drawer-styles.ts";
import { formatBytes, formatCount, formatFigure, formatPercent } from "../shared/format.ts";
import * as icons from "../shared/icons.ts";
import { saveBlob } from "../page-files.ts";
import { GROUPS, flameOf, groupOf, kernelRows, launchMs, memoryTiles, nextSpan, roofShare, totals, traceJson, type Span } from "./profile-maths.ts";
import { profileStyles } from "./profile-styles.ts";
import { base, controls, numberTable } from "../shared/shared-styles.ts";

const ROW = 22;
const MAP_HEIGHT = 260;

const ms = (value: number): string => `${formatFigure(value)} ms`;
const percent = (share: number): string => `${(100 * share).toFixed(3)}%`;

/** @fires measure-step - the answer comes back as `profile` or `error` */
@customElement("step-profile")
export class StepProfilePanel extends LitElement {
  static override styles = [base, controls, drawerStyles, numberTable, profileStyles];

  @property({ attribute: false }) profile: StepProfile | null = null;
  @property({ attribute: false }) error: ErrorReport | null = null;
  /** Of what is pointed at or focused. */
  @state() private chosen: Span | null = null;
  /** Bars of `profile`, made once: a bar is known by its identity. */
  private spans: readonly Span[] = [];
  @state() private measuring = false;
  @query("dialog") private dialog!: HTMLDialogElement;

  show(): void {
    this.dialog.showModal();
    this.measure();
  }

  protected override willUpdate(changed: Map<string, unknown>): void {
    if (!changed.has("profile") && !changed.has("error")) return;
    this.measuring = false;
    this.chosen = null;
    this.spans = this.profile === null ? [] : flameOf(this.profile.launches);
  }

  private measure(): void {
    this.measuring = true;
    this.dispatchEvent(new CustomEvent("measure-step", { bubbles: true, composed: true }));
  }

  override render(): unknown {
    const { profile, error } = this;
    const status = this.measuring ? "Timing every launch of a step. Training waits meanwhile." : error !== null ? `${error.message} ${error.code}` : profile === null ? "" : this.summary(profile);
    return html`<dialog aria-label="One training step" data-testid="step-profile">
      <header role="none">
        <h2>One training step</h2>
        <button class="plain" data-testid="measure-again" ?disabled=${this.measuring} @click=${() => this.measure()}>Measure again</button>
        <button class="plain icon" aria-label="Close" data-testid="close-profile" @click=${() => this.dialog.close()}>${icons.close()}</button>
      </header>
      <p class="status ${error !== null && !this.measuring ? "bad" : ""}" role="status" data-testid="profile-status">${status}</p>
      ${profile === null ? nothing : [this.flame(profile), html`<div class="parts">${this.kernels(profile)}${this.memory(profile)}</div>`]}
    </dialog>`;
  }

  private summary(profile: StepProfile): string {
    const { launches, micros, stepMs, device, step, tokens } = profile;
    const count = launches.filter(({ program }) => program === "micro").length * micros + launches.filter(({ program }) => program !== "micro").length;
    const sum = launchMs(profile);
    const measured = stepMs === undefined ? "" : ` A whole step took ${ms(stepMs)} in training, so its launches account for ${formatPercent(sum / stepMs)}.`;
    return `${formatCount(count)} launches for ${formatCount(tokens)} tokens, ${ms(sum)} together, at step ${formatCount(step)} on ${device}.${measured} Each was timed alone, in memory of its own.`;
  }

  private flame(profile: StepProfile): unknown {
    const { spans } = this;
    const whole = spans.reduce((most, { to }) => Math.max(most, to), 0) || 1;
    const rows = Math.max(...spans.map(({ depth }) => depth)) + 1;
    return html`
      <div class="head"><h3>Launches in their order</h3><div class="legend">${GROUPS.map((group) => html`<span><i class=${group}></i>${group}</span>`)}</div>
        <button class="plain small" data-testid="save-trace" title="Opens in chrome://tracing and in Perfetto" @click=${this.onTrace}>Chrome trace</button></div>
      <svg height=${rows * ROW} role="group" aria-label="Flame chart of ${spans.length} bars; arrow keys go from bar to bar" data-testid="flame" @keydown=${this.onKey} @pointerleave=${this.onLeave}>
        ${spans.map((span) => this.bar(profile, span, whole))}
      </svg>
      <p class="detail" aria-live="polite" data-testid="profile-detail">${this.chosen === null ? "Point at a bar, or go to one with Tab and the arrow keys, for its time, operations and bytes." : this.words(profile, this.chosen)}</p>`;
  }

  private bar({ launches }: StepProfile, span: Span, whole: number): unknown {
    const group = span.end - span.first === 1 && span.label === launches[span.first]!.kernel ? groupOf(span.label) : "module";
    const width = (span.to - span.from) / whole;
    const choose = (): void => void (this.chosen = span);
    // One bar takes Tab; from there arrows lead on.
    const first = this.chosen === null ? span === this.spans[0] : span === this.chosen;
    return svg`<g class=${this.chosen === span ? "on" : ""} role="img" aria-label="${span.label}, ${ms(span.to - span.from)}" tabindex=${first ? 0 : -1} @pointerenter=${choose} @focus=${choose}>
      <rect class=${group} x=${percent(span.from / whole)} y=${span.depth * ROW} width=${percent(width)} height=${ROW - 1}></rect>
      ${width < 0.035 ? nothing : svg`<svg x=${percent(span.from / whole)} y=${span.depth * ROW} width=${percent(width)} height=${ROW - 1}><text x="4" y="15">${span.label}</text></svg>`}
    </g>`;
  }

  private readonly onLeave = ({ currentTarget }: Event): void => {
    if (!(currentTarget as Element).matches(":focus-within")) this.chosen = null;
  };

  private readonly onKey = (event: KeyboardEvent): void => {
    const next = nextSpan(this.spans, this.chosen ?? this.spans[0]!, event.key);
    if (next === null) return;
    event.preventDefault();
    this.chosen = next;
    void this.updateComplete.then(() => this.renderRoot.querySelector<SVGElement>("[data-testid=flame] [tabindex='0']")?.focus());
  };

  private words({ launches, peak }: StepProfile, { label, first, end }: Span): string {
    const under = launches.slice(first, end);
    const sum = totals(under);
    const all = totals(launches).ms;
    const [only] = under;
    const what = under.length === 1 ? `${only!.label} (${only!.variant}; ${Object.entries(only!.dims).map(([name, size]) => `${name} ${formatFigure(size)}`).join(", ")})` : `${label}, ${formatCount(sum.count)} launches`;
    return `${what}: ${ms(sum.ms)}, ${formatPercent(sum.ms / all)} of the time; ${formatFigure(sum.flops / 1e6)} million operations at ${formatFigure(sum.flops / sum.ms / 1e6)} GFLOP/s, ${formatBytes(sum.bytes)} at ${formatFigure(sum.bytes / sum.ms / 1e6)} GB/s${peak ? `, ${formatPercent(roofShare(under, peak))} of the roofline` : ""}.`;
  }

  private kernels(profile: StepProfile): unknown {
    return html`<div><div class="head"><h3>By kernel</h3></div>
      <div class="scroll" tabindex="0" role="region" aria-label="Kernels of a step"><table data-testid="profile-kernels">
        <thead><tr>${["kernel", "variant", "time", "share", ...(profile.peak ? ["% of roof"] : []), "launches", "GFLOP/s", "GB/s"].map((name) => html`<th scope="col" class=${name === "variant" ? "text" : ""}>${name}</th>`)}</tr></thead>
        <tbody>${kernelRows(profile).map((row) => html`<tr><td>${row.kernel}</td><td class="text">${row.variants}</td><td>${ms(row.ms)}</td><td>${formatPercent(row.share)}</td>${row.roof === undefined ? nothing : html`<td>${formatPercent(row.roof)}</td>`}<td>${formatCount(row.count)}</td><td>${formatFigure(row.gflops)}</td><td>${formatFigure(row.gbps)}</td></tr>`)}</tbody>
      </table></div></div>`;
  }

  private memory({ memory, launches }: StepProfile): unknown {
    const { tiles, bytes } = memoryTiles(memory);
    const length = launches.filter(({ program }) => program === "micro").length;
    const y = (size: number): number => (MAP_HEIGHT * size) / Math.max(1, bytes);
    return html`<div><div class="head"><h3>Memory</h3></div>
      <p class="status">${formatBytes(memory.totalBytes)} in all: ${memory.kept.map(({ role, sizeBytes }) => `${role} ${formatBytes(sizeBytes)}`).join(", ")}, activations ${formatBytes(bytes)} in ${formatCount(memory.slots.length)} buffers.</p>
      <svg height=${MAP_HEIGHT} role="img" aria-label="Which of ${tiles.length} activations lives when: from left to right the launches of forward and backward, upwards ${formatBytes(bytes)} of buffers" data-testid="memory-map">
        ${tiles.map(({ from, size, first, last, label }) => svg`<rect class=${label.startsWith("d ") || label.includes(".d ") ? "attention" : "matmul"} x=${percent(first / length)} width=${percent((last + 1 - first) / length)} y=${MAP_HEIGHT - y(from + size)} height=${y(size)}><title>${label}: ${formatBytes(size)}, launches ${first + 1} to ${last + 1}</title></rect>`)}
      </svg>
      <p class="status">Left to right: the launches of forward and backward. Green: kept for the backward pass; orange: gradients on their way. Tensors share a buffer when one ends before the other begins.</p></div>`;
  }

  private readonly onTrace = (): void => {
    const { profile } = this;
    if (profile !== null) saveBlob(new Blob([traceJson(profile)], { type: "application/json" }), `${profile.recipeName}-step-${profile.step}.trace.json`);
  };
}

declare global {
  interface HTMLElementTagNameMap {
    "step-profile": StepProfilePanel;
  }
}
