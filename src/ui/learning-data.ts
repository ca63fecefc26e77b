/** From curves to what a chart draws: which lines a metric has, in which colours, and how its numbers are written. Pure. */
import type { RunState } from "../protocol/index.ts";
import { decimate, smooth } from "./chart-maths.ts";
import { formatClock, formatLoss, formatShort, formatSmall } from "./format.ts";
import type { ChartBorder, ChartLine } from "./line-chart.ts";
import type { CurveField, Curves, StageCurves, XAxis } from "./series.ts";

export type MetricName = "loss" | "speed" | "flops" | "lr" | "grad";

interface Metric {
  readonly name: MetricName;
  readonly title: string;
  readonly field: CurveField;
  readonly unit: string;
  readonly format: (value: number) => string;
  readonly smoothed: boolean;
}

export const METRICS: readonly Metric[] = [
  { name: "loss", title: "Loss", field: "train/loss", unit: "nats a token", format: formatLoss, smoothed: true },
  { name: "speed", title: "Tokens/s", field: "tokens_per_sec", unit: "tokens a second of training", format: formatShort, smoothed: true },
  { name: "flops", title: "GFLOP/s", field: "gflops_per_sec", unit: "billion floating-point operations a second", format: formatSmall, smoothed: true },
  { name: "lr", title: "Learning rate", field: "lr", unit: "", format: formatSmall, smoothed: false },
  { name: "grad", title: "Gradient norm", field: "grad_norm", unit: "before clipping", format: formatSmall, smoothed: true },
];

export interface Drawing {
  readonly axis: XAxis;
  /** Position of the smoothing slider, 0 = the raw line alone, to 1. */
  readonly smoothing: number;
  /** Points a line may have; about one a pixel column. */
  readonly limit: number;
  /** Only the main line, for small charts. */
  readonly plain: boolean;
}

/**
 * The weight kept a step, so that the average reaches over the same share of the chart however long the run is: at most a
 * tenth of its steps. A fixed weight would lag far behind a young curve and do nothing to an old one.
 */
export function smoothingBeta(smoothing: number, steps: number): number {
  return 1 - 1 / (1 + smoothing ** 2 * steps * 0.1);
}

/** Moss for pre-training, clay for what comes after it. */
export const stageColor = (kind: string | undefined): string => (kind === undefined || kind === "pretrain" ? "--base" : "--tuned");

export function metricLines(curves: Curves, run: RunState | null, name: MetricName, drawing: Drawing): ChartLine[] {
  const metric = METRICS.find((candidate) => candidate.name === name)!;
  const several = curves.stages.length > 1;
  return curves.stages.flatMap((stage, i) => {
    const color = stageColor(run?.stages[i]?.kind);
    const suffix = several ? `, ${run?.stages[i]?.name ?? `stage ${i + 1}`}` : "";
    const lines = mainLines(stage, metric, color, suffix, drawing);
    if (name === "loss" && !drawing.plain) {
      lines.push(dots(stage, "val/loss", "--ink-2", `held-out${suffix}`, drawing.axis));
      lines.push({ ...dots(stage, "val/old_loss", "--base", "held-out, old text", drawing.axis), dash: true });
    }
    return lines.filter((line) => line.x.length > 0);
  });
}

function mainLines(stage: StageCurves, metric: Metric, color: string, suffix: string, drawing: Drawing): ChartLine[] {
  const points = decimate(stage[metric.field].points(drawing.axis), drawing.limit);
  const label = `${metric.name === "loss" ? "train" : metric.title.toLowerCase()}${suffix}`;
  const beta = smoothingBeta(drawing.smoothing, points.count.reduce((sum, count) => sum + count, 0));
  const y = metric.smoothed ? smooth(points.y, points.count, beta) : points.y;
  const line: ChartLine = { x: points.x, y, label, color, kind: "line" };
  if (drawing.plain || !metric.smoothed || drawing.smoothing === 0) return [line];
  return [
    { x: points.x, y: points.hi, label: `${label}, highest`, color, kind: "edge" },
    { x: points.x, y: points.lo, label: `${label}, lowest`, color, kind: "edge" },
    line,
  ];
}

function dots(stage: StageCurves, field: CurveField, color: string, label: string, axis: XAxis): ChartLine {
  const points = stage[field].points(axis);
  return { x: points.x, y: points.y, label, color, kind: "dots" };
}

/** Each stage's beginning; the first is where the axis starts. */
export function stageBorders(curves: Curves, run: RunState | null, axis: XAxis): ChartBorder[] {
  return curves.stages.flatMap((stage, i) => {
    const { x } = stage["train/loss"].points(axis);
    return x.length === 0 ? [] : [{ x: x[0], label: run?.stages[i]?.name ?? `stage ${i + 1}` }];
  });
}

export function formatAxis(axis: XAxis): (x: number) => string {
  if (axis === "time") return (x) => formatClock(x * 1000);
  return formatShort;
}

export function axisSentence(axis: XAxis, x: number): string {
  return { step: `step ${formatShort(x)}`, tokens: `${formatShort(x)} tokens`, time: `${formatClock(x * 1000)} of training` }[axis];
}
