/** A result as JSON, CSV or Markdown, and back from JSON. Pure text. */
import { NestlingError } from "../core/errors.ts";
import type { BenchResult, BenchRow } from "../protocol/bench.ts";

/** In the order of the documents that are written. */
const COLUMNS = [
  "suite", "name", "shape", "variant", "median_ms", "p20_ms", "p80_ms", "gpu_ms", "gflops", "gbps", "roofline", "intensity", "launches", "submits", "tokens_per_sec",
  "loss", "error_vs_bound", "noise", "samples", "compile_ms", "chosen", "status",
] as const satisfies readonly (keyof BenchRow)[];

const NUMBERS = COLUMNS.filter((name) => !["suite", "name", "shape", "variant", "chosen", "status"].includes(name));

const DIGITS = 4;

/** Four significant digits; whole numbers as they are. */
export const short = (value: number): string => (Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(DIGITS))));

const textOf = (value: BenchRow[keyof BenchRow]): string => (value === undefined ? "" : typeof value === "number" ? short(value) : String(value));

const rounded = (row: BenchRow): BenchRow => Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined).map(([name, value]) => [name, typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value])) as unknown as BenchRow;

/** Two spaces, a newline at the end; numbers to six significant digits. */
export const toJson = (result: BenchResult): string => `${JSON.stringify({ ...result, rows: result.rows.map(rounded) }, null, 2)}\n`;

/** RFC 4180. A cell that a spreadsheet would take for a formula is no danger here: every text is this program's or a device's name in quotes. */
export function toCsv({ rows }: Pick<BenchResult, "rows">): string {
  const cell = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return [COLUMNS.join(","), ...rows.map((row) => COLUMNS.map((name) => cell(textOf(row[name]))).join(","))].join("\r\n") + "\r\n";
}

/** A table a suite, with the columns that it has, under a line that says where it was measured. */
export function toMarkdown({ device, date, quick, rows }: BenchResult): string {
  const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");
  const suites = [...new Set(rows.map(({ suite }) => suite))];
  const tables = suites.map((suite) => {
    const own = rows.filter((row) => row.suite === suite);
    const columns = COLUMNS.filter((name) => name !== "suite" && name !== "intensity" && name !== "chosen" && own.some((row) => row[name] !== undefined));
    const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
    const body = own.map((row) => line(columns.map((name) => (name === "variant" && row.chosen ? `**${cell(row.variant)}**` : cell(textOf(row[name]))))));
    return [`## ${suite}`, "", line(columns), line(columns.map((name) => (own.some((row) => typeof row[name] === "number") ? "---:" : "---"))), ...body].join("\n");
  });
  const { peak } = device;
  const head = [
    `# ${cell(device.label ?? device.adapter)}`,
    "",
    `${cell(device.adapter)}${device.renderer ? ` [${cell(device.renderer)}]` : ""}${device.software ? " (software adapter)" : ""}, ${device.backend}, ${cell(device.browser)}, ${date}${quick ? ", quick run" : ""}${device.hidden ? ", **the page was hidden**" : ""}.`,
    `Measured peaks: ${short(peak.gflops)} GFLOP/s, ${short(peak.gbps)} GB/s. Clock: ${short(device.timer_quantum_ms)} ms. What trains is **bold**; \`noise\` is how far two timings of the same variant lay apart.`,
  ].join("\n");
  return `${[head, ...tables].join("\n\n")}\n`;
}

/**
 * A result file as it was written; unknown fields are kept.
 * @throws NestlingError COMMAND where it is none
 */
export function parseResult(text: string): BenchResult {
  const refuse = (what: string): NestlingError => new NestlingError("COMMAND", `This is no result of the bench: ${what}. Choose a file that "Save as JSON" or npm run bench wrote.`);
  let value: Partial<BenchResult>;
  try {
    value = JSON.parse(text) as Partial<BenchResult>;
  } catch {
    throw refuse("it is not JSON");
  }
  if (typeof value !== "object" || value === null || value.format !== "nestling-bench") throw refuse('it does not say "format": "nestling-bench"');
  if (value.version !== 1) throw refuse(`it is of version ${String(value.version)}, and this program reads version 1`);
  if (typeof value.device !== "object" || value.device === null || !Array.isArray(value.rows)) throw refuse("it has no device or no rows");
  if (typeof value.date !== "string" || typeof value.device.adapter !== "string" || !(value.device.peak?.gflops > 0) || !(value.device.peak.gbps > 0)) throw refuse("it lacks its date, its device's name or its measured peaks");
  const bad = value.rows.findIndex((row) => typeof row !== "object" || row === null || ["suite", "name", "shape", "variant", "status"].some((name) => typeof (row as Record<string, unknown>)[name] !== "string"));
  if (bad >= 0) throw refuse(`row ${bad + 1} lacks a name`);
  for (const [i, row] of value.rows.entries()) {
    const odd = NUMBERS.find((name) => row[name] !== undefined && !Number.isFinite(row[name]));
    if (odd !== undefined) throw refuse(`row ${i + 1} has ${odd} ${JSON.stringify(row[odd])?.slice(0, 40)}, which is no number`);
  }
  return value as BenchResult;
}
