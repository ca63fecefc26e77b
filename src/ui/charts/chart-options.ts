/** uPlot's options for a `line-chart`: axes, scales, bands, stage borders. Draws nothing by itself. */
import type uPlot from "uplot";
import { isLone, logTicks, paddedRange, placeLabels, ticks } from "./chart-maths.ts";
import type { ChartBorder, ChartLine } from "./line-chart.ts";

export interface ChartLook {
  readonly width: number;
  readonly height: number;
  readonly log: boolean;
  readonly compact: boolean;
  readonly font: string;
  /** Size of the font, CSS pixels. */
  readonly em: number;
  color(token: string): string;
  formatX(x: number): string;
  formatTickY(y: number): string;
  borders(): readonly ChartBorder[];
  marks(): readonly ChartBorder[];
  /** First and last x of the picture. */
  range(): readonly [number, number];
  /** A part of x was dragged over. */
  onSelect(from: number, to: number): void;
  onHover(index: number | null): void;
}

/** Keeps an "oklch(L C H)" or "rgb(...)" colour and makes it see-through. */
const faint = (color: string, alpha: number): string => `color-mix(in oklab, ${color} ${alpha * 100}%, transparent)`;

export function chartOptions(lines: readonly ChartLine[], look: ChartLook): uPlot.Options {
  const ink = look.color("--ink-3");
  const grid = look.color("--line");
  const turned = look.color("--tuned");
  const axis = (more: Partial<uPlot.Axis>): uPlot.Axis => ({
    stroke: ink,
    font: look.font,
    grid: { stroke: grid, width: 1 },
    ticks: { show: false },
    ...more,
  });
  return {
    width: look.width,
    height: look.height,
    legend: { show: false },
    padding: look.compact ? [2, 2, 2, 2] : [14, Math.round(look.em * 1.7), 0, 0],
    cursor: {
      show: !look.compact,
      y: false,
      drag: { setScale: false, x: !look.compact, y: false, dist: 6 },
      points: { size: 7 },
    },
    scales: {
      x: { time: false, range: () => [...look.range()] },
      y: { distr: look.log ? 3 : 1, range: (_plot, min, max) => paddedRange(min, max, look.log) },
    },
    axes: [
      axis({
        show: !look.compact,
        size: Math.round(look.em * 2.3),
        gap: 6,
        grid: { show: false },
        splits: (plot, _i, min, max) => ticks(min, max, Math.max(2, Math.floor(plot.bbox.width / devicePixelRatio / (look.em * 9)))),
        // Two ticks that read alike say one thing.
        values: (_plot, splits) => splits.map(look.formatX).map((text, i, all) => (text === all[i - 1] ? "" : text)),
      }),
      axis({
        show: !look.compact,
        size: Math.round(look.em * 4),
        gap: 8,
        splits: (plot, _i, min, max) => {
          const most = Math.max(2, Math.floor(plot.bbox.height / devicePixelRatio / (look.em * 3.6)));
          return look.log ? logTicks(min, max, most) : ticks(min, max, most);
        },
        filter: (_plot, splits) => splits,
        values: (_plot, splits) => splits.map((value) => (value === null ? "" : look.formatTickY(value))),
      }),
    ],
    series: [{}, ...lines.map((line) => seriesOptions(line, look))],
    bands: bandsOf(lines, look),
    hooks: {
      draw: [(plot) => drawBorders(plot, look, ink, grid), (plot) => drawMarks(plot, look, turned)],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width <= 0) return;
          look.onSelect(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
      setCursor: [(plot) => look.onHover(plot.cursor.idx ?? null)],
    },
  };
}

function seriesOptions(line: ChartLine, look: ChartLook): uPlot.Series {
  const color = look.color(line.color);
  const dots = line.kind === "dots";
  return {
    label: line.label,
    stroke: line.kind === "edge" ? faint(color, 0.22) : dots ? faint(color, 0.4) : color,
    width: line.kind === "edge" || dots ? 1 : look.compact ? 1.5 : 2.25,
    ...(line.dash ? { dash: [5, 4] } : {}),
    spanGaps: true,
    points:
      dots && !look.compact
        ? { show: true, size: 6, fill: look.color("--panel"), stroke: color, width: 1.5 }
        : // A single point has no line to show it.
          { show: line.kind === "line" ? (plot, series) => isLone(plot.data[series]!) : false, size: look.compact ? 4 : 6, fill: color, stroke: color, width: 0 },
  };
}

/** Two edges in a row enclose a band: uPlot wants [upper, lower] as series numbers, counted from 1. */
function bandsOf(lines: readonly ChartLine[], look: ChartLook): uPlot.Band[] {
  const bands: uPlot.Band[] = [];
  for (let i = 0; i + 1 < lines.length; i++) {
    if (lines[i].kind !== "edge" || lines[i + 1].kind !== "edge") continue;
    bands.push({ series: [i + 1, i + 2], fill: faint(look.color(lines[i].color), 0.16) });
    i++;
  }
  return bands;
}

/** A thin line and, in a large chart, a diamond on it: as the timeline below shows a turned knob. */
function drawMarks(plot: uPlot, look: ChartLook, color: string): void {
  const { ctx, bbox } = plot;
  const size = 4 * devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = faint(color, 0.7);
  ctx.fillStyle = color;
  ctx.lineWidth = devicePixelRatio;
  for (const mark of look.marks()) {
    const x = Math.round(plot.valToPos(mark.x, "x", true)) + 0.5;
    if (!(x >= bbox.left - 1 && x <= bbox.left + bbox.width + 1)) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    if (look.compact) continue;
    ctx.beginPath();
    for (const [dx, dy] of [[0, -size], [size, 0], [0, size], [-size, 0]] as const) ctx.lineTo(x + dx, bbox.top + dy);
    ctx.fill();
  }
  ctx.restore();
}

function drawBorders(plot: uPlot, look: ChartLook, ink: string, line: string): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.font = look.font.replace(/^(\d+)px/, (_all, size: string) => `${Number(size) * devicePixelRatio}px`);
  ctx.textBaseline = "top";
  ctx.textAlign = "left";
  const gap = 6 * devicePixelRatio;
  const borders = look.borders().map((border, i) => ({ ...border, i, at: Math.round(plot.valToPos(border.x, "x", true)) + 0.5 }));
  const seen = borders.filter(({ at }) => at >= bbox.left - 1 && at <= bbox.left + bbox.width);
  for (const { i, at } of seen) {
    if (i === 0) continue;
    ctx.strokeStyle = look.compact ? line : ink;
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(at, bbox.top);
    ctx.lineTo(at, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.fillStyle = ink;
  const names = look.compact ? [] : placeLabels(seen, gap, bbox.left + bbox.width, (text) => ctx.measureText(text).width);
  for (const { text, left } of names) ctx.fillText(text, left, bbox.top - 10 * devicePixelRatio);
  ctx.restore();
}
