/** Numbers as people read them: counts, durations, sizes, rates, and what a loss means. Pure; no locale but English. */
import type { TokenizerConfig } from "../../protocol/index.ts";

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365.25 * DAY;

/** An em dash stands for a number that does not exist (yet). */
export const NONE = "–";

const usable = (value: number | undefined): value is number => value !== undefined && Number.isFinite(value);

export function formatCount(value: number | undefined): string {
  return usable(value) ? grouped.format(value) : NONE;
}

/** Three significant digits and a unit letter from 10,000 on: 12,400 becomes "12.4 k", 10,100,000 "10.1 M". */
export function formatShort(value: number | undefined): string {
  if (!usable(value)) return NONE;
  const magnitude = Math.abs(value);
  if (magnitude < 9_999.5) return grouped.format(value);
  for (const [limit, unit] of [[1e6, "k"], [1e9, "M"], [1e12, "G"]] as const) {
    const scaled = value / (limit / 1000);
    // 999,950 would round to "1000 k"; hand it to the next unit.
    if (Math.abs(scaled) < 999.5) return `${threeDigits(scaled)} ${unit}`;
  }
  return `${threeDigits(value / 1e12)} T`;
}

function threeDigits(value: number): string {
  const magnitude = Math.abs(value);
  return value.toFixed(magnitude < 9.995 ? 2 : magnitude < 99.95 ? 1 : 0);
}

export function formatLoss(value: number | undefined): string {
  return usable(value) ? value.toFixed(value < 10 ? 3 : 2) : NONE;
}

/** Decimal units, as disks and networks count: 1 MB is 1,000,000 bytes. */
export function formatBytes(bytes: number | undefined): string {
  if (!usable(bytes)) return NONE;
  if (bytes < 1000) return `${grouped.format(bytes)} B`;
  for (const [limit, unit] of [[1e6, "kB"], [1e9, "MB"], [1e12, "GB"]] as const) {
    const scaled = bytes / (limit / 1000);
    if (scaled < 999.5) return `${threeDigits(scaled)} ${unit}`;
  }
  return `${threeDigits(bytes / 1e12)} TB`;
}

/** Two units at most: "0.8 s", "42 s", "1 min 20 s", "3 h 05 min", "2 days 4 h", "3,170 years". */
export function formatDuration(ms: number | undefined): string {
  if (!usable(ms)) return NONE;
  const value = Math.max(0, ms);
  if (value < 9_950) return `${(value / 1000).toFixed(1)} s`;
  if (value < MINUTE - 500) return `${Math.round(value / 1000)} s`;
  const [seconds, minutes] = [Math.round(value / 1000), Math.round(value / MINUTE)];
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min${seconds % 60 === 0 ? "" : ` ${seconds % 60} s`}`;
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
  const hours = Math.round(value / HOUR);
  if (hours < 24 * 60) return `${plural(Math.floor(hours / 24), "day")}${hours % 24 === 0 ? "" : ` ${hours % 24} h`}`;
  if (value < YEAR) return plural(Math.round(value / DAY), "day");
  return value < 10 * YEAR ? `${(value / YEAR).toFixed(1)} years` : `${formatLarge(value / YEAR)} years`;
}

function formatLarge(value: number): string {
  if (value < 1e6) return grouped.format(Number(value.toPrecision(3)));
  return value < 1e9 ? `${threeDigits(value / 1e6)} million` : `${threeDigits(value / 1e9)} billion`;
}

/** Time left on a clock face: "0:42", "12:05", then as a duration from one hour on. */
export function formatClock(ms: number | undefined): string {
  if (!usable(ms)) return NONE;
  const seconds = Math.max(0, Math.round(ms / 1000));
  return seconds < 3600 ? `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}` : formatDuration(seconds * 1000);
}

export function formatPercent(share: number | undefined): string {
  if (!usable(share)) return NONE;
  if (share > 0 && share < 0.001) return "<0.1%";
  return share < 0.0995 ? `${(share * 100).toFixed(1)}%` : `${Math.round(share * 100)}%`;
}

/** Learning rates and norms: plain from 0.0001 to 9,999, else with a power of ten. */
export function formatSmall(value: number | undefined): string {
  if (!usable(value)) return NONE;
  if (value === 0) return "0";
  const magnitude = Math.abs(value);
  return magnitude >= 0.0001 && magnitude < 10_000 ? String(Number(value.toPrecision(3))) : value.toExponential(1).replace("e+", "e");
}

/** Three significant digits, in full from 10,000 on: 0.0123, 4.56, 20,300. */
export function formatFigure(value: number | undefined): string {
  if (!usable(value)) return NONE;
  const rounded = Number(value.toPrecision(3));
  return Math.abs(rounded) < 10_000 ? formatSmall(rounded) : grouped.format(rounded);
}

export function plural(count: number, word: string): string {
  return `${grouped.format(count)} ${word}${count === 1 ? "" : "s"}`;
}

/** What one token is called in a sentence: a character, or a piece of a word. */
export function tokenNoun(kind: TokenizerConfig["kind"]): string {
  return kind === "char" ? "character" : "piece";
}

/**
 * The loss in words. A mean loss of L nats is the uncertainty of a fair choice among e^L tokens (perplexity); a token is a
 * character or a piece of a word, and never quite a word, so the sentence names which.
 */
export function choiceText(loss: number | undefined, kind: TokenizerConfig["kind"]): string {
  if (!usable(loss)) return "";
  const choices = Math.exp(Math.max(0, loss));
  const shown = choices < 4.95 ? choices.toFixed(1).replace(".0", "") : choices < 1e6 ? grouped.format(choices) : "a million";
  return `like choosing among ${shown} ${tokenNoun(kind)}${shown === "1" ? "" : "s"}`;
}

/** A checkpoint's held-out loss, and where it was measured if that was at another step; "" where it never was. */
export function heldOutText({ valLoss, valStep }: { readonly valLoss?: number; readonly valStep?: number }): string {
  if (valLoss === undefined) return "";
  return `held-out loss ${formatLoss(valLoss)}${valStep === undefined ? "" : ` at step ${formatCount(valStep)}`}`;
}

export const READING_WORDS_PER_MINUTE = 250;

/** Milliseconds a person needs to read this many words at 250 words a minute. */
export function readingTimeMs(words: number): number {
  return (words / READING_WORDS_PER_MINUTE) * MINUTE;
}

/** Text with controls and bidi marks made visible: they could hide what follows, or turn it around. */
export function safeText(text: string): string {
  // oxlint-disable-next-line no-control-regex -- controls are what this looks for
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\u00b7");
}

/** A file's or a run's name, cut at 80 characters, controls and bidi marks made visible. */
export function safeName(name: string): string {
  const visible = safeText(name).replaceAll("\n", "\u00b7");
  const points = [...visible];
  return points.length > 80 ? `${points.slice(0, 79).join("")}\u2026` : visible;
}

/** A browser's name and version out of its user agent; a text that is none as it stands. */
export function browserName(agent: string): string {
  const [, name, version] = /\b(Edg|OPR)\/(\d+)/.exec(agent) ?? /\b(Firefox|HeadlessChrome|Chrome)\/(\d+)/.exec(agent) ?? [];
  if (name === undefined) return safeName(agent);
  return name === "HeadlessChrome" ? `Chrome ${version}, headless` : `${{ Edg: "Edge", OPR: "Opera" }[name] ?? name} ${version}`;
}
