/** What a chart can be kept as: a picture, numbers, a table. Builds them; saving is the panel's. */
import type { RunState } from "../../protocol/index.ts";
import type { ChartRange } from "./chart-zoom.ts";
import { formatCount } from "../shared/format.ts";
import type { LineChart } from "./line-chart.ts";
import { CAPACITY, type Recorded } from "./pyramid.ts";
import { FIELDS, type CurveField, type Curves, type XAxis } from "./series.ts";

export type KeptAs = "png" | "csv" | "table";

export interface Table {
  /** What must be known to read it; "" where nothing. */
  readonly note: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | number | undefined)[])[];
}

/** Rows a person may want to read through, and evaluations that may come on top; of all stages together. */
const TABLE_ROWS = 200;
const TABLE_EVALUATIONS = 200;
/** Lines of CSV in one piece: a few milliseconds' worth. */
const CSV_LINES = 500;

/** Work between two looks at the page, well under a frame. */
const SLICE_MS = 10;

/** A stage's fields with what they hold, and the stage's name. */
interface Sheet {
  readonly stage: string;
  readonly columns: readonly { readonly field: CurveField; readonly recorded: Recorded }[];
}

const sheetsOf = (curves: Curves, run: RunState | null, fields: readonly CurveField[]): Sheet[] =>
  curves.stages.map((stage, i) => ({ stage: run?.stages[i]?.name ?? `stage ${i + 1}`, columns: fields.map((field) => ({ field, recorded: stage[field].recorded() })) }));

/** Index of the first step that is not below `step`. */
function lowerBound({ step: steps }: Recorded, step: number): number {
  let [low, high] = [0, steps.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle] < step) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A name, quoted where RFC 4180 asks for it; one that a spreadsheet would take for a formula begins with an apostrophe. */
function quoted(name: string): string {
  const text = /^[=+\-@\t\r]/.test(name) ? `'${name}` : name;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Changes when points that were read before have been moved. */
const revisionOf = (curves: Curves): number => curves.stages.reduce((sum, stage) => FIELDS.reduce((total, field) => total + stage[field].revision, sum), 0);

/**
 * Every point as RFC 4180 lines, in pieces of some hundred lines so that a page can draw between them; where neighbours were merged (past
 * 262,144 steps) a row is their mean, and its last column says of how many. What is pushed to the curves meanwhile is not in it, and what moves their points (`revision`) voids it.
 */
export function* curvesCsv(curves: Curves, run: RunState | null): Generator<string> {
  const sheets = sheetsOf(curves, run, FIELDS);
  let lines = [["stage", "step", "tokens", "train_seconds", ...FIELDS, "mean_of_steps"].join(",")];
  const piece = (): string => `${lines.splice(0).join("\r\n")}\r\n`;
  for (const [i, { stage, columns }] of sheets.entries()) {
    const name = quoted(stage);
    const { merged } = curves.stages[i]["train/loss"];
    const at = columns.map(() => 0);
    // Each field ascends by step: the next line is at the lowest step that any of them stands at.
    for (;;) {
      let lowest = Infinity;
      for (const [c, { recorded }] of columns.entries()) if (at[c] < recorded.step.length) lowest = Math.min(lowest, recorded.step[at[c]]);
      if (lowest === Infinity) break;
      const values: (number | "")[] = [];
      let [tokens, seconds] = [-1, 0];
      for (const [c, { recorded }] of columns.entries()) {
        const here = recorded.step[at[c]] === lowest;
        if (here && tokens < 0) [tokens, seconds] = [recorded.tokens[at[c]], recorded.seconds[at[c]]];
        const value = here ? recorded.value[at[c]++] : NaN;
        values.push(Number.isNaN(value) ? "" : value);
      }
      lines.push([name, lowest, tokens, Number(seconds.toFixed(3)), ...values, merged].join(","));
      if (lines.length >= CSV_LINES) yield piece();
    }
  }
  if (lines.length > 0) yield piece();
  lines = [];
}

/** The CSV as a file, the page drawing while it is written; begun anew where training moves what was written already. */
export async function csvBlob(curves: Curves, run: RunState | null): Promise<Blob> {
  for (;;) {
    const revision = revisionOf(curves);
    const blobs: Blob[] = [];
    const pieces: string[] = [];
    let drawnMs = performance.now();
    for (const piece of curvesCsv(curves, run)) {
      pieces.push(piece);
      if (performance.now() - drawnMs < SLICE_MS) continue;
      // A file of many small ones: one of all text at once would be encoded in one long task.
      blobs.push(new Blob(pieces.splice(0)));
      await new Promise((resolve) => setTimeout(resolve));
      if (revisionOf(curves) !== revision) break;
      drawnMs = performance.now();
    }
    if (revisionOf(curves) === revision) return new Blob([...blobs, ...pieces], { type: "text/csv" });
  }
}

/** `most` of the numbers from `first` up to `end` at even distances, the last among them. */
function evenly(first: number, end: number, most: number): number[] {
  const every = Math.max(1, Math.ceil((end - first) / most));
  const picked = Array.from({ length: Math.ceil((end - first) / every) }, (_, i) => first + i * every);
  if (end > first && picked.at(-1) !== end - 1) picked.push(end - 1);
  return picked;
}

/** The steps in view, thinned to what can be read: rows at even distances, and evaluations, all of them unless they are very many. */
export function tableOf(curves: Curves, run: RunState | null, range: ChartRange, axis: XAxis): Table {
  const fields = FIELDS.filter((field) => curves.stages.some((stage) => stage[field].last !== undefined));
  const sheets = sheetsOf(curves, run, fields);
  const x = { step: "step", tokens: "tokens", time: "seconds" } as const;
  const windowOf = (recorded: Recorded): [number, number] => {
    const column = recorded[x[axis]];
    if (range === null) return [0, column.length];
    const place = (value: number): number => lowerBound({ ...recorded, step: column }, value);
    const end = place(range[1]);
    return [place(range[0]), column[end] === range[1] ? end + 1 : end];
  };
  const sizeOf = ({ recorded }: Sheet["columns"][number]): number => windowOf(recorded)[1] - windowOf(recorded)[0];
  const total = sheets.reduce((sum, { columns }) => sum + Math.max(0, ...columns.map(sizeOf)), 0);
  const evaluations = sheets.reduce((sum, { columns }) => sum + columns.filter(({ field }) => field === "val/loss").reduce((count, column) => count + sizeOf(column), 0), 0);
  const rows = sheets.flatMap(({ stage, columns }) => {
    const tokensAt = new Map<number, number>();
    for (const { field, recorded } of columns) {
      const [first, end] = windowOf(recorded);
      const [rowsAtMost, all] = field === "val/loss" ? [TABLE_EVALUATIONS, evaluations] : [TABLE_ROWS, total];
      const most = all === 0 ? 0 : Math.ceil((rowsAtMost * (end - first)) / all);
      if (field !== "val/loss" && field !== columns[0]!.field) continue;
      for (const i of evenly(first, end, Math.max(1, most))) tokensAt.set(recorded.step[i], recorded.tokens[i]);
    }
    return [...tokensAt].sort(([a], [b]) => a - b).map(([step, tokens]) => [stage, step, tokens, ...columns.map(({ recorded }) => {
      const i = lowerBound(recorded, step);
      return recorded.step[i] === step && !Number.isNaN(recorded.value[i]) ? Number(recorded.value[i].toPrecision(5)) : undefined;
    })]);
  });
  const merged = curves.merged === 1 ? "" : `A run this long is kept in ${formatCount(CAPACITY)} points a stage: each row is the mean of ${formatCount(curves.merged)} steps up to its own.`;
  const thinned = total <= TABLE_ROWS ? "" : `Rows at even distances out of ${formatCount(total)}: zoom in to see each, or keep all of them as CSV.`;
  return { note: [thinned, merged].filter((sentence) => sentence !== "").join(" "), head: ["stage", "step", "tokens", ...fields], rows };
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
