/** From curves to what a chart draws: which lines a metric has, in which colours, and how its numbers are written. Pure. */
import type { KnobChange, RunState } from "../../protocol/index.ts";
import { stepsOf } from "../../protocol/stage-steps.ts";
import { decimate, smooth, xRange } from "../charts/chart-maths.ts";
import { choiceText, formatClock, formatLoss, formatShort, formatSmall } from "../shared/format.ts";
import type { ChartRange } from "../charts/chart-zoom.ts";
import type { ChartBorder, ChartLine } from "../charts/line-chart.ts";
import type { CurveField, Curves, StageCurves, Window, XAxis } from "../charts/series.ts";

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

type Staged = { readonly stages: readonly { readonly kind: string }[] };

/** A loss in words; that of preferences is of a pair of answers, and no choice among tokens. */
export const lossWords = (loss: number | undefined, { recipe, stageIndex }: Pick<RunState, "recipe" | "stageIndex">): string =>
  recipe.stages[stageIndex]?.kind === "dpo" ? (loss === undefined ? "" : "a pair of answers") : choiceText(loss, recipe.tokenizer.kind);

/** What a metric is counted in, in this run. */
export const unitOf = ({ name, unit }: Metric, run: Staged | null): string => (name === "loss" && run?.stages.some(({ kind }) => kind === "dpo") ? `${unit}, of preferences a pair` : unit);

export interface Drawing {
  readonly axis: XAxis;
  /** Position of the smoothing slider, 0 = the raw line alone, to 1. */
  readonly smoothing: number;
  /** Points a line may have; about one a pixel column. */
  readonly limit: number;
  /** The part of x that is shown. */
  readonly range: ChartRange;
  /** Without held-out losses, for small charts. */
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
      lines.push(dots(stage, "val/loss", "--ink-2", `held-out${suffix}`, drawing));
      lines.push({ ...dots(stage, "val/old_loss", "--base", "held-out, old text", drawing), dash: true });
    }
    return lines.filter((line) => line.x.length > 0);
  });
}

function mainLines(stage: StageCurves, metric: Metric, color: string, suffix: string, drawing: Drawing): ChartLine[] {
  const points = decimate(stage[metric.field].points(drawing.axis, windowOf(drawing)), drawing.range === null ? drawing.limit : 2 * drawing.limit);
  const label = `${metric.name === "loss" ? "train" : metric.title.toLowerCase()}${suffix}`;
  const beta = smoothingBeta(drawing.smoothing, points.count.reduce((sum, count) => sum + count, 0));
  const y = metric.smoothed ? smooth(points.y, points.count, beta) : points.y;
  const line: ChartLine = { x: points.x, y, label, color, kind: "line" };
  // Where the line is a mean, of steps or of neighbours, its range stands behind it: no single step is lost.
  if ((beta === 0 || !metric.smoothed) && points.count.every((count) => count <= 1)) return [line];
  return [
    { x: points.x, y: points.hi, label: `${label}, highest`, color, kind: "edge" },
    { x: points.x, y: points.lo, label: `${label}, lowest`, color, kind: "edge" },
    line,
  ];
}

/** As wide again to the left as is shown, so that a smoothed line enters the picture where it would be if all were drawn. */
function windowOf({ range, limit }: Drawing): Window {
  return range === null ? { limit: 4 * limit } : { from: 2 * range[0] - range[1], to: range[1], limit: 8 * limit };
}

/** Rings: no more than can be told apart. Where neighbours share one it stands at what is farthest from their mean. */
function dots(stage: StageCurves, field: CurveField, color: string, label: string, { axis, range, limit }: Drawing): ChartLine {
  const { x, y, lo, hi, count } = stage[field].points(axis, { limit: Math.ceil(limit / 2), ...(range === null ? {} : { from: range[0], to: range[1] }) });
  return { x, y: Array.from(y, (mean: number, i: number) => (count[i] === 1 ? mean : hi[i] - mean >= mean - lo[i] ? hi[i] : lo[i])), label, color, kind: "dots" };
}

/** Each stage's beginning; the first is where the axis starts. */
export function stageBorders(curves: Curves, run: RunState | null, axis: XAxis): ChartBorder[] {
  return curves.stages.flatMap((stage, i) => {
    const x = stage["train/loss"].first(axis);
    return x === undefined ? [] : [{ x, label: run?.stages[i]?.name ?? `stage ${i + 1}` }];
  });
}

/** What was turned, in words. */
function changeText({ learning_rate, grad_clip, temperature }: Omit<KnobChange, "step">): string {
  return [
    learning_rate === undefined ? "" : `learning rate ${formatSmall(learning_rate)}`,
    grad_clip === undefined ? "" : `clip ${formatSmall(grad_clip)}`,
    temperature === undefined ? "" : `temperature ${formatSmall(temperature)}`,
  ].filter((part) => part !== "").join(", ");
}

/** Every turn of a knob: its step over all stages, and what was turned. */
export function turnsOf(run: RunState | null): readonly { readonly globalStep: number; readonly text: string }[] {
  let before = 0;
  return (run?.recipe.stages ?? []).flatMap((stage) => {
    const { changes = [] } = stage;
    const offset = before;
    before += stepsOf(stage);
    return changes.map((change) => ({ globalStep: offset + change.step, text: changeText(change) }));
  });
}

/** The turns where they stand on an axis. */
export const knobMarks = (curves: Curves, run: RunState | null, axis: XAxis): ChartBorder[] =>
  turnsOf(run).flatMap(({ globalStep, text }) => {
    const x = curves.xOf(globalStep, axis);
    return x === undefined ? [] : [{ x, label: text }];
  });

/** First and last x of the axis while nothing is zoomed. */
export function extentOf(curves: Curves, axis: XAxis): readonly [number, number] {
  const firsts = curves.stages.flatMap((stage) => [stage["train/loss"].first(axis) ?? [], stage["val/loss"].first(axis) ?? []].flat());
  return xRange(Math.min(...firsts), { step: curves.lastStep, tokens: curves.tokens, time: curves.trainMs / 1000 }[axis]);
}

export function formatAxis(axis: XAxis): (x: number) => string {
  if (axis === "time") return (x) => formatClock(x * 1000);
  return formatShort;
}

export function axisSentence(axis: XAxis, x: number): string {
  return { step: `step ${formatShort(x)}`, tokens: `${formatShort(x)} tokens`, time: `${formatClock(x * 1000)} of training` }[axis];
}

/** Where curves will be, before there are any. */
export function emptySentence(run: RunState | null): string {
  if (run?.phase === "preparing") return "The curve begins with the first step.";
  if (run?.phase === "failed") return "This run ended before its first step.";
  return "No curve yet. It begins when training does.";
}

/** What a screen reader says of the loss: to one decimal, so that it changes seldom. */
export function lossSentence(run: RunState | null, loss: number | undefined): string {
  if (run === null || loss === undefined) return "";
  const stage = run.stages[run.stageIndex]?.name ?? "Training";
  if (!Number.isFinite(loss)) return `${stage}: the loss is not a number.`;
  const coarse = Math.round(loss * 10) / 10;
  return `${stage}: loss about ${formatLoss(coarse)}, ${lossWords(coarse, run)}.`;
}
