/**
 * What a run looks like from outside: lines for a terminal and lines of JSON, as pure functions of the engine's own data.
 * It prints nothing.
 */
import type { CheckpointSummary, CorpusSummary, DeviceReport, MetricRow, SampleView, StageProgress } from "../protocol/index.ts";

/** Base and tuned model on the same prompt. `base` is absent where the run has one stage only. */
export interface AnswerPair {
  readonly prompt: string;
  /** What is right, where something is. */
  readonly expected?: string;
  readonly base?: string;
  readonly tuned: string;
}

export interface Summary {
  readonly recipe: string;
  readonly seed: number;
  readonly backend: DeviceReport["kind"];
  readonly device: string;
  readonly outcome: "finished" | "stopped" | "failed";
  readonly parameters?: number;
  readonly stages: readonly { readonly stage: string; readonly steps: number; readonly train_ms: number }[];
  readonly "train/loss"?: number;
  readonly "val/loss"?: number;
  readonly "val/old_loss"?: number;
  readonly quiz_right?: number;
  readonly quiz_total?: number;
  readonly tokens?: number;
  readonly wall_ms: number;
  readonly checkpoints: readonly { readonly id: string; readonly stage: string; readonly step: number; readonly folder?: string }[];
}

/** One metric row; fields that were not measured are absent. */
export function metricJson(stage: string, row: MetricRow): string {
  const { step, globalStep, tokens, trainMs, stageIndex: _stageIndex, ...measured } = row;
  return JSON.stringify({ type: "metrics", stage, step, global_step: globalStep, tokens, train_ms: Math.round(trainMs), ...measured });
}

export function sampleJson(stage: string, { step, prompt, text }: SampleView): string {
  return JSON.stringify({ type: "sample", stage, step, prompt, text });
}

export const answerJson = (answer: AnswerPair): string => JSON.stringify({ type: "answer", ...answer });
export const summaryJson = (summary: Summary): string => JSON.stringify({ type: "summary", ...summary });
export const deviceJson = ({ kind, name, why, fallbackAdapter, threads }: DeviceReport): string => JSON.stringify({ type: "device", kind, name, why, fallback_adapter: fallbackAdapter, threads });

/** What was taken in of the person's own files. */
export function dataJson({ id, title, report }: CorpusSummary): string {
  const { documents, characters, skipped, replaced, problems } = report ?? { documents: 0, characters: 0, skipped: 0, replaced: 0, problems: [] };
  return JSON.stringify({ type: "data", id, title, documents, characters, skipped, replaced, problems: problems.map(({ message }) => message) });
}

/** 75 s as "1:15", two hours as "2:00:00". */
export function clockText(ms: number): string {
  const total = Math.max(0, Math.round(ms / 1000));
  const [h, m, s] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  const pad = (value: number): string => String(value).padStart(2, "0");
  return h > 0 ? `${h}:${pad(m)}:${pad(s)}` : `${m}:${pad(s)}`;
}

/** 12,345 as "12.3k"; three figures at most. */
export function shortCount(value: number): string {
  const [scaled, unit] = value >= 1e6 ? [value / 1e6, "M"] : value >= 1e3 ? [value / 1e3, "k"] : [value, ""];
  return `${scaled >= 100 || unit === "" ? Math.round(scaled) : scaled.toFixed(1)}${unit}`;
}

/** What the terminal's line of one stage says, the newest of each number. */
export interface Latest {
  readonly "train/loss"?: number;
  readonly "val/loss"?: number;
  readonly tokens_per_sec?: number;
}

/** One stage as one line, such as "Pre-training  [######------]  750/1500  loss 3.211  val 3.305  12.3k tok/s  0:42 left". */
export function progressLine(progress: StageProgress, latest: Latest, columns: number): string {
  const done = progress.steps === 0 ? 1 : Math.min(1, progress.done / progress.steps);
  const parts = [`${String(progress.done).padStart(String(progress.steps).length)}/${progress.steps}`];
  if (latest["train/loss"] !== undefined) parts.push(`loss ${latest["train/loss"].toFixed(3)}`);
  if (latest["val/loss"] !== undefined) parts.push(`val ${latest["val/loss"].toFixed(3)}`);
  if (latest.tokens_per_sec !== undefined) parts.push(`${shortCount(latest.tokens_per_sec)} tok/s`);
  if (progress.done >= progress.steps) parts.push(`${clockText(progress.spentMs)} in all`);
  else if (progress.remainingMs !== undefined) parts.push(`${clockText(progress.remainingMs)} left`);
  const text = parts.join("  ");
  const name = progress.name.slice(0, 20).padEnd(14);
  const room = Math.min(40, columns - name.length - text.length - 7);
  const bar = room < 4 ? "" : `[${"#".repeat(Math.round(done * room)).padEnd(room, "-")}]  `;
  return `${name}  ${bar}${text}`.slice(0, Math.max(20, columns - 1));
}

/** Words of a text in lines of at most `width` characters; a longer word is cut. Controls and bidi marks become dots. */
export function wrapText(text: string, width: number): string[] {
  // Model output reaches a terminal: an escape sequence in it must not.
  const visible = text.replace(/[^\S\n ]/gu, " ").replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, "\u00b7");
  const lines: string[] = [];
  for (const paragraph of visible.split("\n")) {
    let line = "";
    for (const word of paragraph.split(" ").flatMap((long) => long.match(new RegExp(`.{1,${width}}`, "gu")) ?? [""])) {
      if (line !== "" && line.length + 1 + word.length > width) {
        lines.push(line);
        line = word;
      } else line = line === "" ? word : `${line} ${word}`;
    }
    lines.push(line);
  }
  return lines;
}

/** The answers in two columns, base left and tuned right; one column where there is no base or no room. */
export function sideBySide(answers: readonly AnswerPair[], columns: number): string[] {
  const width = Math.floor((Math.min(columns, 140) - 3) / 2);
  const out: string[] = [];
  for (const { prompt, expected, base, tuned } of answers) {
    out.push("", ...wrapText(`> ${prompt}${expected === undefined ? "" : `   (${expected})`}`, Math.max(20, columns - 1)));
    if (base === undefined || width < 20) {
      if (base !== undefined) out.push(...wrapText(`base: ${base}`, Math.max(20, columns - 1)));
      out.push(...wrapText(base === undefined ? tuned : `tuned: ${tuned}`, Math.max(20, columns - 1)));
      continue;
    }
    const [left, right] = [wrapText(base, width), wrapText(tuned, width)];
    out.push(`${"base".padEnd(width)} | tuned`, `${"-".repeat(width)}-+-${"-".repeat(width)}`);
    for (let i = 0; i < Math.max(left.length, right.length); i++) out.push(`${(left[i] ?? "").padEnd(width)} | ${right[i] ?? ""}`.trimEnd());
  }
  return out;
}

/** A folder's name for a checkpoint: order, stage, step. Letters, digits and dashes only. */
export function folderName(index: number, { stage, step }: Pick<CheckpointSummary, "stage" | "step">): string {
  const slug = stage.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40) || "stage";
  return `${String(index + 1).padStart(2, "0")}-${slug}-step-${step}`;
}
