/** How the model learns, in curves: one metric large, the others small, a click swaps them. Measures nothing itself. */
import { LitElement, html, nothing } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import type { CheckpointSummary, RunState } from "../../protocol/index.ts";
import { chartPicture, csvBlob, tableOf, type KeptAs } from "../charts/chart-export.ts";
import "../charts/chart-keep.ts";
import type { ChartTable } from "../charts/chart-table.ts";
import "../charts/chart-table.ts";
import type { ChartRange } from "../charts/chart-zoom.ts";
import { NONE, formatShort, formatSmall } from "../shared/format.ts";
import { chartKey } from "./learning-key.ts";
import type { Drawing, MetricName } from "./learning-data.ts";
import { METRICS, axisSentence, emptySentence, extentOf, formatAxis, knobMarks, lossSentence, metricLines, stageBorders, unitOf } from "./learning-data.ts";
import { learningStyles } from "./learning-styles.ts";
import type { ChartLine, LineChart } from "../charts/line-chart.ts";
import "../charts/line-chart.ts";
import { saveBlob } from "../page-files.ts";
import "../shared/panel-frame.ts";
import "./run-timeline.ts";
import type { XAxis } from "../charts/series.ts";
import { Curves } from "../charts/series.ts";
import { base, controls, panelHost } from "../shared/shared-styles.ts";

@customElement("learning-panel")
export class LearningPanel extends LitElement {
  static override styles = [base, controls, panelHost, learningStyles];

  /** The run that the curves belong to. */
  @property({ attribute: false }) run: RunState | null = null;
  @property({ attribute: false }) curves: Curves = Curves.empty;
  @property({ attribute: false }) checkpoints: readonly CheckpointSummary[] = [];
  /** Changes when the page's colours do. */
  @property() theme = "";

  @state() private metric: MetricName = "loss";
  @state() private axis: XAxis = "step";
  @state() private log = false;
  @state() private latestOnly = false;
  /** Position of the slider, 0 to 1. */
  @state() private smoothing = 0.3;
  /** Shared by all charts, so that they show the same steps. */
  @state() private range: ChartRange = null;

  /** Numbers are being written to a file. */
  @state() private writing = false;

  @query("line-chart.big") private big!: LineChart;
  @query("chart-table") private table!: ChartTable;

  /** What was zoomed into is another run's, or lies past where this one went back to. */
  protected override willUpdate(changed: Map<PropertyKey, unknown>): void {
    const before = changed.get("run") as RunState | null | undefined;
    if (changed.has("run") && before?.runId !== this.run?.runId) this.range = null;
    else if (this.range !== null && this.range[0] >= extentOf(this.inView, this.axis)[1]) this.range = null;
  }

  override render(): unknown {
    const empty = this.curves.stages.length === 0;
    return html`<panel-frame heading="Learning">
      <div class="tools wide" slot="actions">${this.tools()}</div>
      ${empty ? html`<div class="empty"><p>${emptySentence(this.run)}</p></div>` : this.charts()}
      <chart-table></chart-table>
      <p class="visually-hidden" aria-live="polite" data-testid="loss-summary">${lossSentence(this.run, this.curves.loss)}</p>
    </panel-frame>`;
  }

  private tools(): unknown {
    const axes: readonly [XAxis, string][] = [["step", "step"], ["tokens", "tokens"], ["time", "time"]];
    return html`
      <label class="smooth" title="Draws the running mean of the raw line; the faint band is what was measured"
        >smooth <input type="range" min="0" max="1" step="0.05" .value=${String(this.smoothing)} @input=${this.onSmoothing}
      /></label>
      <fieldset class="choice" aria-label="Scale of the chart">
        <label><input type="radio" name="scale" .checked=${!this.log} @change=${() => (this.log = false)} />linear</label>
        <label><input type="radio" name="scale" .checked=${this.log} @change=${() => (this.log = true)} />log</label>
      </fieldset>
      <fieldset class="choice" aria-label="What the chart runs over">
        ${axes.map(([axis, name]) => html`<label><input type="radio" name="axis" .checked=${this.axis === axis} @change=${() => this.runOver(axis)} />${name}</label>`)}
      </fieldset>
      ${this.curves.stages.length > 1
        ? html`<fieldset class="choice" aria-label="Stages in the chart">
            <label><input type="radio" name="stages" .checked=${!this.latestOnly} @change=${() => this.showStages(false)} />all</label>
            <label><input type="radio" name="stages" .checked=${this.latestOnly} @change=${() => this.showStages(true)} />this stage</label>
          </fieldset>`
        : nothing}
      <chart-keep ?busy=${this.writing} @keep-chart=${this.onKeep}></chart-keep>
    `;
  }

  /** Curves of the stage in view: all, or the latest one's with earlier stages left empty. */
  private get inView(): Curves {
    return this.latestOnly ? this.curves.latest() : this.curves;
  }

  private charts(): unknown {
    const lines = metricLines(this.inView, this.run, this.metric, this.drawing(700, false));
    return [this.heading(lines), this.large(lines), this.small()];
  }

  private heading(lines: readonly ChartLine[]): unknown {
    const metric = METRICS.find(({ name }) => name === this.metric)!;
    const { merged } = this.inView;
    return html`<p class="title">
      <span><b>${metric.title}</b> <span class="quiet">${[unitOf(metric, this.run), merged > 1 ? `means of ${merged} steps` : ""].filter((part) => part !== "").join(", ")}</span></span>
      ${this.range === null ? nothing : html`<button class="plain whole" data-testid="zoom-out" title="Show the whole run (0)" @click=${() => (this.range = null)}>whole run</button>`}
      ${chartKey(lines)}
    </p>`;
  }

  /** Shared by the chart and the timeline under it: which x is where, 0 at the left edge and 1 at the right. */
  private readonly placeOf = (globalStep: number): number => {
    const [from, to] = this.range ?? extentOf(this.inView, this.axis);
    return ((this.curves.xOf(globalStep, this.axis) ?? from) - from) / Math.max(1e-9, to - from);
  };

  private large(lines: readonly ChartLine[]): unknown {
    const metric = METRICS.find(({ name }) => name === this.metric)!;
    return html`<line-chart
      class="big"
      tabindex="0"
      role="group"
      aria-label="${metric.title} over ${this.axis}; plus and minus zoom, arrows move, 0 shows everything"
      @zoom-chart=${(event: CustomEvent<ChartRange>) => (this.range = event.detail)}
      .range=${this.range}
      .extent=${extentOf(this.inView, this.axis)}
      .lines=${lines}
      .borders=${stageBorders(this.inView, this.run, this.axis)}
      .marks=${knobMarks(this.curves, this.run, this.axis)}
      .log=${this.log}
      .theme=${this.theme}
      .formatX=${this.formatHover}
      .formatTick=${formatAxis(this.axis)}
      .formatY=${metric.format}
      .formatTickY=${this.metric === "speed" ? formatShort : formatSmall}
    ></line-chart><run-timeline .run=${this.run} .checkpoints=${this.checkpoints} .placeOf=${(step: number) => this.placeOf(step)}></run-timeline>`;
  }

  private small(): unknown {
    return html`<div class="row">
      ${METRICS.filter(({ name }) => name !== this.metric).map(
        (metric) => html`<button @click=${() => (this.metric = metric.name)} title="Show ${metric.title.toLowerCase()} large">
          <span>${metric.title}</span><b>${this.lastOf(metric.name)}</b>
          <line-chart compact .range=${this.range} .extent=${extentOf(this.inView, this.axis)} .lines=${metricLines(this.inView, this.run, metric.name, this.drawing(120, true))} .borders=${stageBorders(this.inView, this.run, this.axis)} .marks=${knobMarks(this.curves, this.run, this.axis)} .theme=${this.theme}></line-chart>
        </button>`,
      )}
    </div>`;
  }

  private lastOf(name: MetricName): string {
    const metric = METRICS.find((candidate) => candidate.name === name)!;
    const value = name === "loss" ? this.curves.loss : name === "speed" ? this.curves.tokensPerSec : this.curves.last(metric.field);
    return value === undefined ? NONE : metric.format(value);
  }

  private drawing(limit: number, plain: boolean): Drawing {
    return { axis: this.axis, smoothing: this.smoothing, range: this.range, limit, plain };
  }

  /** What was zoomed into may lie in another stage. */
  private showStages(latestOnly: boolean): void {
    this.latestOnly = latestOnly;
    this.range = null;
  }

  private runOver(axis: XAxis): void {
    this.axis = axis;
    this.range = null;
  }

  private readonly onKeep = async ({ detail: what }: CustomEvent<KeptAs>): Promise<void> => {
    const { curves, run, metric, axis } = this;
    const shown = METRICS.find(({ name }) => name === metric)!;
    const [title, unit] = [shown.title, unitOf(shown, run)];
    if (what === "table") return this.table.show(() => tableOf(curves, run, this.range, axis));
    const name = `${run?.recipe.name ?? "run"}-${metric}-step-${curves.lastStep}`;
    if (what === "csv") {
      this.writing = true;
      return csvBlob(curves, run).then((blob) => saveBlob(blob, `${name}.csv`)).finally(() => (this.writing = false));
    }
    const picture = await chartPicture(this.big, `${title}${unit === "" ? "" : `, ${unit}`}`, `${run?.recipe.name ?? ""}, over ${axis}`);
    if (picture !== null) saveBlob(picture, `${name}.png`);
  };

  private readonly onSmoothing = (event: Event): void => {
    this.smoothing = Number((event.target as HTMLInputElement).value);
  };

  private readonly formatHover = (x: number): string => axisSentence(this.axis, x);
}

declare global {
  interface HTMLElementTagNameMap {
    "learning-panel": LearningPanel;
  }
}
