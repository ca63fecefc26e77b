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
export function toCsv({ rows, date, device }: Pick<BenchResult, "rows" | "date" | "device">): string {
  const cell = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  // In every row, so that rows of several files can stand in one sheet.
  const where = [date, device.adapter, device.label ?? ""].map(cell);
  return [["date", "device", "label", ...COLUMNS].join(","), ...rows.map((row) => [...where, ...COLUMNS.map((name) => cell(textOf(row[name])))].join(","))].join("\r\n") + "\r\n";
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

/** Rows of all suites in all dtypes are some hundreds; a page draws every one of them. */
export const MOST_ROWS = 5000;
/** Bytes of a file that is read at all. */
export const MOST_RESULT_BYTES = 8 * 2 ** 20;
const LONGEST_TEXT = 500;

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
/** Times, rates and shares are above zero; the rest may be zero. None is below. */
const ABOVE_ZERO: ReadonlySet<string> = new Set(["median_ms", "p20_ms", "p80_ms", "gflops", "gbps", "roofline", "intensity", "tokens_per_sec"]);

/** What is wrong with a device's fields, or "". */
function deviceProblem(device: Readonly<Record<string, unknown>>): string {
  const wrong = (names: readonly string[], holds: (value: unknown) => boolean, allowed: string): string => {
    const name = names.find((each) => !holds(device[each]));
    return name === undefined ? "" : `its device.${name} is ${JSON.stringify(device[name])?.slice(0, 40) ?? "missing"}, and must be ${allowed}`;
  };
  const text = (value: unknown): boolean => typeof value === "string" && value.length <= LONGEST_TEXT;
  const texts = (value: unknown): boolean => Array.isArray(value) && value.every(text);
  return wrong(["adapter", "browser"], text, `a text of at most ${LONGEST_TEXT} characters`) || wrong(["label", "renderer"], (value) => value === undefined || text(value), `a text of at most ${LONGEST_TEXT} characters, or left out`)
    || wrong(["backend"], (value) => value === "webgpu" || value === "cpu", "webgpu or cpu") || wrong(["timer_quantum_ms"], (value) => isNumber(value) && value >= 0, "a number from 0 on")
    || wrong(["features"], texts, "a list of texts") || wrong(["flags"], (value) => value === undefined || texts(value), "a list of texts, or left out");
}

/** What is wrong with a row's numbers, or "". */
function rowProblem(row: Readonly<Record<string, unknown>>): string {
  const names = ["suite", "name", "shape", "variant", "status"].find((name) => typeof row[name] !== "string" || (row[name] as string).length > LONGEST_TEXT);
  if (names !== undefined) return `lacks its ${names}, or it is longer than ${LONGEST_TEXT} characters`;
  const odd = NUMBERS.find((name) => row[name] !== undefined && !(isNumber(row[name]) && (ABOVE_ZERO.has(name) ? row[name] > 0 : row[name] >= 0)));
  return odd === undefined ? "" : `has ${odd} ${JSON.stringify(row[odd])?.slice(0, 40)}, and must have a number ${ABOVE_ZERO.has(odd) ? "above 0" : "from 0 on"} or none`;
}

/**
 * A result file as it was written; unknown fields are kept. All that a page draws is checked here.
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
  if (value.rows.length > MOST_ROWS) throw refuse(`it has ${value.rows.length} rows, and a bench has at most ${MOST_ROWS}`);
  const { peak } = value.device;
  if (typeof value.date !== "string" || value.date.length > LONGEST_TEXT || typeof value.device.adapter !== "string" || !(isNumber(peak?.gflops) && peak.gflops > 0) || !(isNumber(peak.gbps) && peak.gbps > 0)) throw refuse("it lacks its date, its device's name or its measured peaks");
  const device = deviceProblem(value.device as unknown as Record<string, unknown>);
  if (device !== "") throw refuse(device);
  for (const [i, row] of value.rows.entries()) {
    const problem = typeof row !== "object" || row === null ? "is none" : rowProblem(row as unknown as Record<string, unknown>);
    if (problem !== "") throw refuse(`row ${i + 1} ${problem}`);
  }
  return value as BenchResult;
}
