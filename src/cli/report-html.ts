/**
 * A run as one HTML file: curves, samples, answers, recipe. It needs no script, no network and no other file. Pure: it
 * writes nothing. Everything that a model or a person wrote is escaped.
 */
import type { MetricRow, Recipe, SampleView } from "../protocol/index.ts";
import { clockText, shortCount, type AnswerPair, type Summary } from "./report.ts";

export interface ReportData {
  readonly recipe: Recipe;
  readonly summary: Summary;
  readonly rows: readonly MetricRow[];
  readonly samples: readonly SampleView[];
  readonly answers: readonly AnswerPair[];
}

const WIDTH = 900;
const HEIGHT = 260;
const PAD = { left: 56, right: 16, top: 18, bottom: 26 } as const;
/** Pixel columns of a curve. */
const COLUMNS = 450;

export function escapeHtml(text: string): string {
  // Controls and bidi marks could hide or turn around what stands in the file.
  const visible = text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "\u00b7");
  return visible.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

interface Curve {
  readonly label: string;
  readonly color: string;
  readonly points: readonly (readonly [number, number])[];
  readonly dots?: boolean;
}

/** At most one lowest, one mean and one highest value a pixel column, so that no spike is lost. */
function columns(points: Curve["points"], from: number, to: number): { x: number; lo: number; hi: number; mean: number }[] {
  const out = new Map<number, { sum: number; n: number; lo: number; hi: number }>();
  for (const [x, y] of points) {
    const at = Math.round(((x - from) / Math.max(1, to - from)) * COLUMNS);
    const column = out.get(at) ?? { sum: 0, n: 0, lo: Infinity, hi: -Infinity };
    out.set(at, { sum: column.sum + y, n: column.n + 1, lo: Math.min(column.lo, y), hi: Math.max(column.hi, y) });
  }
  return [...out].sort(([a], [b]) => a - b).map(([at, { sum, n, lo, hi }]) => ({ x: from + (at / COLUMNS) * (to - from), lo, hi, mean: sum / n }));
}

/** Round steps of 1, 2 or 5 times a power of ten, about five of them. */
function ticks(min: number, max: number, smallest = 0): number[] {
  const rough = (max - min) / 5;
  if (!(rough > 0)) return [min];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= Math.max(rough, smallest)) ?? smallest;
  const first = Math.ceil(min / step);
  return Array.from({ length: Math.floor(max / step + 1e-9) - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(6)));
}

/** @param across first and last step of the run: the same in all its charts */
function chart(title: string, curves: readonly Curve[], borders: readonly number[], across: readonly [number, number]): string {
  const all = curves.flatMap(({ points }) => points);
  if (all.length === 0) return "";
  const [lowest, highest] = all.reduce(([a, b], [, y]) => [Math.min(a, y), Math.max(b, y)], [Infinity, -Infinity]);
  const [from, to, low] = [Math.min(across[0], across[1] - 1), across[1], lowest! > 0 ? 0 : lowest!];
  const high = highest! > low ? highest! : low + 1;
  const px = (x: number): string => (PAD.left + ((x - from) / (to - from)) * (WIDTH - PAD.left - PAD.right)).toFixed(1);
  const py = (y: number): string => (HEIGHT - PAD.bottom - ((y - low) / (high - low)) * (HEIGHT - PAD.top - PAD.bottom)).toFixed(1);
  const parts: string[] = [];
  for (const y of ticks(low, high)) parts.push(`<line class="grid" x1="${PAD.left}" x2="${WIDTH - PAD.right}" y1="${py(y)}" y2="${py(y)}"/><text x="${PAD.left - 8}" y="${py(y)}" dy="4" text-anchor="end">${y}</text>`);
  // There is no half a step.
  for (const x of ticks(from, to, 1)) parts.push(`<text x="${px(x)}" y="${HEIGHT - 8}" text-anchor="middle">${shortCount(x)}</text>`);
  for (const x of borders) parts.push(`<line class="border" x1="${px(x)}" x2="${px(x)}" y1="${PAD.top}" y2="${HEIGHT - PAD.bottom}"/>`);
  for (const { color, points, dots } of curves) {
    if (dots) {
      parts.push(...points.map(([x, y]) => `<circle cx="${px(x)}" cy="${py(y)}" r="3" style="fill:none;stroke:${color}"/>`));
      continue;
    }
    const thin = columns(points, from, to);
    if (thin.length === 1) parts.push(`<circle cx="${px(thin[0]!.x)}" cy="${py(thin[0]!.mean)}" r="3" style="fill:${color};stroke:none"/>`);
    const band = [...thin.map(({ x, hi }) => `${px(x)},${py(hi)}`), ...thin.toReversed().map(({ x, lo }) => `${px(x)},${py(lo)}`)];
    parts.push(`<polygon points="${band.join(" ")}" style="fill:${color}" opacity="0.2"/><polyline points="${thin.map(({ x, mean }) => `${px(x)},${py(mean)}`).join(" ")}" style="fill:none;stroke:${color}" stroke-width="1.6"/>`);
  }
  const legend = curves.map(({ label, color, dots }) => `<span><i style="${dots ? `border:1.5px solid ${color};border-radius:50%` : `background:${color}`}"></i>${escapeHtml(label)}</span>`).join("");
  return `<figure tabindex="0" aria-label="${escapeHtml(title)}"><figcaption><b>${escapeHtml(title)}</b>${legend}</figcaption><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(title)} by step">${parts.join("")}</svg></figure>`;
}

const COLORS = ["var(--base)", "var(--tuned)"] as const;

function charts({ rows, recipe }: ReportData): string {
  const names = recipe.stages.map(({ name }) => name);
  const color = (stage: number): string => COLORS[recipe.stages[stage]?.kind === "pretrain" ? 0 : 1];
  const of = (field: keyof MetricRow, stage: number): [number, number][] =>
    rows.flatMap((row) => (row.stageIndex === stage && typeof row[field] === "number" && Number.isFinite(row[field]) ? [[row.globalStep, row[field]] as [number, number]] : []));
  const each = (field: keyof MetricRow, label: string, dots = false, paint?: string): Curve[] =>
    names.map((name, i) => ({ label: `${label}, ${name}`, color: paint ?? color(i), points: of(field, i), dots })).filter(({ points }) => points.length > 0);
  const across = rows.reduce<[number, number]>(([a, b], { globalStep }) => [Math.min(a, globalStep), Math.max(b, globalStep)], [Infinity, -Infinity]);
  const borders = names.slice(1).flatMap((_, i) => rows.find((row) => row.stageIndex === i + 1)?.globalStep ?? []);
  return [
    chart("Loss, nats a token", [...each("train/loss", "train"), ...each("val/loss", "held-out", true, "var(--dim)"), ...each("val/old_loss", "held-out, old text", true, COLORS[0])], borders, across),
    chart("Tokens a second", each("tokens_per_sec", "speed"), borders, across),
    chart("Learning rate", each("lr", "rate"), borders, across),
    chart("Gradient norm, before clipping", each("grad_norm", "norm"), borders, across),
  ].join("");
}

/** Names and values: the first cell of a row heads it. */
const facts = (rows: readonly (readonly [string, string])[]): string =>
  `<table class="facts"><tbody>${rows.map(([name, value]) => `<tr><th scope="row">${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`).join("")}</tbody></table>`;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<table><thead><tr>${head.map((cell) => `<th scope="col">${escapeHtml(cell)}</th>`).join("")}</tr></thead><tbody>${rows.map((row) => `<tr>${row.map((cell) => `<td>${escapeHtml(cell)}</td>`).join("")}</tr>`).join("")}</tbody></table>`;

const STYLE = `:root{color-scheme:light dark;--base:#0b6e56;--tuned:#b4532a;--dim:#555}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c1b18;background:#fdfcf8}
figure{margin:1.5rem 0}figcaption{display:flex;flex-wrap:wrap;gap:0 1.2rem;font-size:.9rem}figcaption span{color:#555}i{display:inline-block;box-sizing:border-box;width:.7rem;height:.7rem;margin-right:.35rem}
svg{width:100%;height:auto;font:12px system-ui,sans-serif;fill:#666}.grid{stroke:#e4e0d6}.border{stroke:#888;stroke-dasharray:3 4}
@media(max-width:45rem){figure{overflow-x:auto}figcaption{position:sticky;left:0}svg{min-width:40rem}}
table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #e4e0d6}td{white-space:pre-wrap;overflow-wrap:anywhere}.facts th{font-weight:400}
pre{overflow:auto;padding:1rem;background:#f3f0e8;font-size:.85rem}@media(prefers-color-scheme:dark){:root{--base:#74d3b5;--tuned:#f2a173;--dim:#bbb}body{color:#eee9dd;background:#171613}pre{background:#24221d}.grid{stroke:#37342d}th,td{border-color:#37342d}figcaption span,svg{color:#aaa;fill:#aaa}}`;

/** The whole file. */
export function reportHtml(data: ReportData): string {
  const { summary, recipe, samples, answers } = data;
  const own = recipe.stages.some(({ data: sources }) => sources.some(({ corpus }) => /^own(?::|$)/.test(corpus)));
  const loss = (value: number | undefined): string => (value === undefined ? "" : value.toFixed(4));
  const known: [string, string][] = [
    ["outcome", summary.outcome], ["device", `${summary.device} (${summary.backend})`], ["seed", String(summary.seed)],
    ["parameters", summary.parameters === undefined ? "" : String(summary.parameters)], ["tokens", summary.tokens === undefined ? "" : String(summary.tokens)],
    ...summary.stages.map(({ stage, steps, train_ms }): [string, string] => [stage, `${steps} steps in ${clockText(train_ms)} of training`]),
    ["last loss: train, held-out, old text", [summary["train/loss"], summary["val/loss"], summary["val/old_loss"]].map(loss).filter((text) => text !== "").join(", ")],
    ...(summary.quiz_right === undefined ? [] : [["held-out questions right", `${summary.quiz_right} of ${summary.quiz_total ?? "?"}`] as [string, string]]),
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(recipe.name)}: a run of Nestling</title><style>${STYLE}</style></head><body><main>
<h1>${escapeHtml(recipe.name)}</h1>
${facts(known.filter(([, value]) => value !== ""))}
<h2>Curves</h2>
${charts(data) || "<p>No step was measured.</p>"}
<h2>Answers</h2>
${answers.length === 0 ? "<p>None: the run did not finish.</p>" : table(["prompt", "expected", "base", "tuned"], answers.map(({ prompt, expected, base, tuned }) => [prompt, expected ?? "", base ?? "", tuned]))}
<h2>Samples</h2>
${samples.length === 0 ? "<p>None was taken.</p>" : table(["step", "stage", "prompt", "what it wrote"], samples.map(({ globalStep, stageIndex, prompt, text }) => [String(globalStep), recipe.stages[stageIndex]?.name ?? "", prompt, text]))}
<h2>Recipe</h2>
<p>Saved as a file, <code>npm run train -- --recipe FILE${own ? " --text YOUR-FILE" : ""}</code> repeats this run${own ? " from the same text" : ""}.</p>
<pre tabindex="0" role="region" aria-label="The recipe as JSON">${escapeHtml(JSON.stringify(recipe, null, 2))}</pre>
</main></body></html>
`;
}
