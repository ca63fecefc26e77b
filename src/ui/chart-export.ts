/** What a chart can be kept as: a picture, numbers, a table. Builds them; saving is the panel's. */
import type { RunState } from "../protocol/index.ts";
import type { ChartRange } from "./chart-zoom.ts";
import type { LineChart } from "./line-chart.ts";
import { FIELDS, type CurveField, type Curves, type XAxis } from "./series.ts";

export type KeptAs = "png" | "csv" | "table";

/** One step of one stage, with what was measured at it. */
interface Row {
  readonly stage: string;
  readonly step: number;
  readonly tokens: number;
  readonly seconds: number;
  readonly values: Partial<Record<CurveField, number>>;
}

export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | number | undefined)[])[];
}

const EVERYTHING = 1e9;
/** Rows a person may want to read through. */
const TABLE_ROWS = 200;

function rowsOf(curves: Curves, run: RunState | null): Row[] {
  return curves.stages.flatMap((stage, i) => {
    const rows = new Map<number, { stage: string; step: number; tokens: number; seconds: number; values: Partial<Record<CurveField, number>> }>();
    for (const field of FIELDS) {
      const [steps, tokens, seconds] = (["step", "tokens", "time"] as const).map((axis) => stage[field].points(axis, { limit: EVERYTHING }));
      for (let at = 0; at < steps.x.length; at++) {
        const step = steps.x[at];
        const row = rows.get(step) ?? { stage: run?.stages[i]?.name ?? `stage ${i + 1}`, step, tokens: tokens.x[at], seconds: seconds.x[at], values: {} };
        rows.set(step, row);
        row.values[field] = steps.y[at];
      }
    }
    return [...rows.values()].sort((a, b) => a.step - b.step);
  });
}

/** A name, quoted where RFC 4180 asks for it; one that a spreadsheet would take for a formula begins with an apostrophe. */
function quoted(name: string): string {
  const text = /^[=+\-@\t\r]/.test(name) ? `'${name}` : name;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Every point as RFC 4180 lines; where neighbours were merged (past 262,144 steps) a row is their mean. */
export function curvesCsv(curves: Curves, run: RunState | null): string {
  const lines = [["stage", "step", "tokens", "train_seconds", ...FIELDS].join(",")];
  for (const { stage, step, tokens, seconds, values } of rowsOf(curves, run)) {
    lines.push([quoted(stage), step, tokens, Number(seconds.toFixed(3)), ...FIELDS.map((field) => values[field] ?? "")].join(","));
  }
  return `${lines.join("\r\n")}\r\n`;
}

/** The steps in view, thinned to what can be read: every row with a held-out loss, and others at even distances. */
export function tableOf(curves: Curves, run: RunState | null, range: ChartRange, axis: XAxis): Table {
  const fields = FIELDS.filter((field) => curves.stages.some((stage) => stage[field].length > 0));
  const inView = rowsOf(curves, run).filter((row) => {
    const x = { step: row.step, tokens: row.tokens, time: row.seconds }[axis];
    return range === null || (x >= range[0] && x <= range[1]);
  });
  const every = Math.ceil(inView.length / TABLE_ROWS);
  const rows = inView.filter((row, i) => i % every === 0 || i === inView.length - 1 || row.values["val/loss"] !== undefined);
  return {
    head: ["stage", "step", "tokens", ...fields],
    rows: rows.map(({ stage, step, tokens, values }) => [stage, step, tokens, ...fields.map((field) => (values[field] === undefined ? undefined : Number(values[field].toPrecision(5))))]),
  };
}

/** The chart as it stands, with its title and the meaning of its colours, as a PNG in the page's own colours. */
export async function chartPicture(chart: LineChart, title: string, below: string): Promise<Blob | null> {
  const drawn = chart.canvas;
  if (drawn === undefined) return null;
  const style = getComputedStyle(chart);
  const em = Math.round(parseFloat(style.fontSize) * devicePixelRatio);
  const canvas = document.createElement("canvas");
  canvas.width = drawn.width + 2 * em;
  canvas.height = drawn.height + 6 * em;
  const context = canvas.getContext("2d")!;
  context.fillStyle = chart.resolveColor("--panel");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(drawn, em, 2.6 * em);
  context.fillStyle = chart.resolveColor("--ink");
  context.font = `600 ${em}px ${style.fontFamily}`;
  context.fillText(title, em, 1.7 * em);
  context.font = `${Math.round(em * 0.8)}px ${style.fontFamily}`;
  let x = em;
  const y = drawn.height + 4.6 * em;
  for (const { label, color, kind } of chart.lines) {
    if (kind === "edge") continue;
    if (kind === "dots") {
      context.strokeStyle = chart.resolveColor(color);
      context.lineWidth = 0.12 * em;
      context.beginPath();
      context.arc(x + 0.5 * em, y - 0.3 * em, 0.25 * em, 0, 2 * Math.PI);
      context.stroke();
    } else {
      context.fillStyle = chart.resolveColor(color);
      context.fillRect(x, y - 0.4 * em, em, 0.16 * em);
    }
    context.fillStyle = chart.resolveColor("--ink-2");
    context.fillText(label, x + 1.3 * em, y);
    x += context.measureText(label).width + 3 * em;
  }
  context.fillStyle = chart.resolveColor("--ink-3");
  context.fillText(below, em, y - 1.4 * em);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
