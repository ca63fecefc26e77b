/** A chart of lines over one shared x: uPlot in the page's colours, with a read-out under the pointer. Knows no metric. */
import { LitElement, html, nothing, unsafeCSS } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import uPlot from "uplot";
import uPlotCss from "uplot/dist/uPlot.min.css?inline";
import type { Line } from "./chart-maths.ts";
import { joinLines, latest } from "./chart-maths.ts";
import type { ChartLook } from "./chart-options.ts";
import { chartOptions } from "./chart-options.ts";
import { chartStyles } from "./chart-styles.ts";
import { ChartTouch } from "./chart-touch.ts";
import type { ChartRange } from "./chart-zoom.ts";
import { clampRange, onWheel, onZoomKey } from "./chart-zoom.ts";
import { cssVars } from "../shared/css-vars.ts";
import { base } from "../shared/shared-styles.ts";

export interface ChartLine extends Line {
  readonly label: string;
  /** Name of a colour token, such as "--base". */
  readonly color: string;
  /** "edge" = the faint limit of a band; two edges in a row enclose one. "dots" marks each point. */
  readonly kind: "line" | "edge" | "dots";
  readonly dash?: boolean;
}

export interface ChartBorder {
  readonly x: number;
  readonly label: string;
}

/**
 * @csspart readout - the numbers under the pointer
 * @fires zoom-chart - {detail: ChartRange} asked for by dragging, fingers, wheel or keys
 */
@customElement("line-chart")
export class LineChart extends LitElement {
  static override styles = [
    base,
    unsafeCSS(uPlotCss),
    chartStyles,
  ];

  /** The lines, each with ascending x. */
  @property({ attribute: false }) lines: readonly ChartLine[] = [];
  /** Where stages meet. */
  @property({ attribute: false }) borders: readonly ChartBorder[] = [];
  /** Where something was changed by hand: a thin line each. */
  @property({ attribute: false }) marks: readonly ChartBorder[] = [];
  /** The part of x that is shown. */
  @property({ attribute: false }) range: ChartRange = null;
  /** First and last x of everything. */
  @property({ attribute: false }) extent: readonly [number, number] = [0, 1];
  /** Logarithmic y. */
  @property({ type: Boolean }) log = false;
  /** No axes and no read-out. */
  @property({ type: Boolean }) compact = false;
  /** Changes when the page's colours do. */
  @property() theme = "";
  /** An x in the read-out. */
  @property({ attribute: false }) formatX: (x: number) => string = String;
  /** An x on the axis. */
  @property({ attribute: false }) formatTick: (x: number) => string = String;
  @property({ attribute: false }) formatY: (y: number) => string = String;
  @property({ attribute: false }) formatTickY: (y: number) => string = String;

  @state() private hover: number | null = null;
  @query(".plot") private plot!: HTMLElement;
  private chart: uPlot | null = null;
  private shape = "";
  /** The axis type's size in pixels, 0 until measured: measuring lays the page out, so no redraw does it. */
  private em = 0;
  private data: { x: number[]; ys: (number | null)[][] } = { x: [], ys: [] };
  private readonly touch = new ChartTouch(
    () => this.chart?.over.getBoundingClientRect(),
    () => this,
  );
  private readonly resizes = new ResizeObserver(() => this.fit());

  override render(): unknown {
    return html`<div class="plot" aria-hidden="true" @wheel=${this.onWheel} @dblclick=${() => this.ask(null)}></div>
      ${this.hover === null || this.compact ? nothing : this.readout(this.hover)}`;
  }

  private readout(index: number): unknown {
    const rows = this.lines.flatMap((line, i) => {
      if (line.kind === "edge") return [];
      const found = latest(this.data.ys[i] ?? [], index);
      if (found === null) return [];
      // What was measured earlier says when; a line is as good as continuous.
      const when = line.kind === "dots" && found.index !== index ? ` at ${this.formatX(this.data.x[found.index])}` : "";
      return [html`<span><i ${cssVars({ "--swatch": `var(${line.color})` })}></i>${line.label}${when}</span><b>${this.formatY(found.y)}</b>`];
    });
    return html`<div class="readout" part="readout"><span class="x">${this.formatX(this.data.x[index])}</span>${rows}</div>`;
  }

  protected override updated(changed: Map<PropertyKey, unknown>): void {
    if (changed.size === 1 && changed.has("hover")) return;
    this.data = joinLines(this.lines);
    if (this.em === 0) this.em = axisEm(this);
    const shape = JSON.stringify([this.em, this.log, this.compact, this.theme, this.lines.map((line) => [line.color, line.kind, line.dash])]);
    const data = [this.data.x, ...this.data.ys] as uPlot.AlignedData;
    if (this.chart === null || shape !== this.shape) {
      this.chart?.destroy();
      this.shape = shape;
      this.chart = new uPlot(this.options(), data, this.plot);
      // A GPU process that crashes takes every canvas's picture with it.
      this.canvas!.addEventListener("contextrestored", () => this.chart?.redraw());
    } else {
      this.chart.setData(data);
    }
  }

  /** What is drawn, for a picture file. */
  get canvas(): HTMLCanvasElement | undefined {
    return this.chart?.ctx.canvas;
  }

  readonly ask = (range: ChartRange): void => {
    if (!this.compact) this.dispatchEvent(new CustomEvent<ChartRange>("zoom-chart", { detail: range, bubbles: true, composed: true }));
  };

  private readonly onWheel = (event: WheelEvent): void => {
    const box = this.chart?.over.getBoundingClientRect();
    const { range, extent, ask } = this;
    if (box !== undefined && !this.compact) onWheel(event, { range, extent, ask, xAt: (x) => (x < box.left || x > box.right ? null : this.chart!.posToVal(x - box.left, "x")) });
  };

  private readonly onKey = (event: KeyboardEvent): void => {
    if (!this.compact) onZoomKey(event, this);
  };

  override connectedCallback(): void {
    super.connectedCallback();
    this.resizes.observe(this);
    this.addEventListener("keydown", this.onKey);
    if (!this.compact) {
      for (const name of ["touchstart", "touchend", "touchcancel"] as const) this.addEventListener(name, this.touch.begin, { passive: true });
      this.addEventListener("touchmove", this.touch.move, { passive: false });
    }
    // uPlot is destroyed with the element; coming back needs a new one.
    if (this.hasUpdated) this.requestUpdate("lines");
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.resizes.disconnect();
    this.chart?.destroy();
    this.chart = null;
  }

  private fit(): void {
    const { clientWidth: width, clientHeight: height } = this;
    const em = axisEm(this);
    if (em !== this.em && this.chart !== null) this.requestUpdate("lines");
    this.em = em;
    if (this.chart !== null && width > 0 && height > 0) this.chart.setSize({ width, height });
  }

  private options(): uPlot.Options {
    const look: ChartLook = {
      width: Math.max(10, this.clientWidth),
      height: Math.max(10, this.clientHeight),
      log: this.log,
      compact: this.compact,
      color: this.resolveColor,
      font: `${this.em}px ${getComputedStyle(this).fontFamily}`,
      em: this.em,
      formatX: (x) => this.formatTick(x),
      formatTickY: (y) => this.formatTickY(y),
      borders: () => this.borders,
      marks: () => this.marks,
      range: () => this.range ?? this.extent,
      onSelect: (from, to) => this.ask(clampRange([from, to], this.extent)),
      onHover: (index) => (this.hover = index),
    };
    return chartOptions(this.lines, look);
  }

  /** A canvas knows no custom properties: a probe element resolves the token, in the theme that is on. */
  readonly resolveColor = (token: string): string => {
    const probe = document.createElement("span");
    probe.style.color = `var(${token})`;
    this.plot.append(probe);
    const color = getComputedStyle(probe).color;
    probe.remove();
    return color;
  };
}

const axisEm = (element: Element): number => Math.round(parseFloat(getComputedStyle(element).fontSize) * 0.8);

declare global {
  interface HTMLElementTagNameMap {
    "line-chart": LineChart;
  }
}
