/**
 * `npm run test:nightly -- --only NAME`: the longer checks, one file each (tests/nightly/NAME.nightly.test.ts). Figures
 * that a test prints and the outcome are kept with commit and date under results/.
 */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { isMain, root } from "../src/cli/paths.ts";
import { type Counts, summaryLine } from "./summary-reporter.ts";

const FOLDER = "tests/nightly";
const ENDING = ".nightly.test.ts";
const LIMIT_MINUTES = 60;

/** The names that `--only` takes. */
export function nightlyNames(files: readonly string[]): string[] {
  return files.filter((file) => file.endsWith(ENDING)).map((file) => file.slice(0, -ENDING.length)).sort();
}

/** The checks asked for. @throws Error that lists the names */
export function chooseNightly(names: readonly string[], only: readonly string[]): readonly string[] {
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`--only is "${unknown}"; these are there: ${names.join(", ") || "none yet"}`);
  return only.length === 0 ? names : only;
}

export interface NightlyResult extends Counts {
  readonly name: string;
  readonly commit: string;
  /** Uncommitted changes stood in the tree. */
  readonly dirty: boolean;
  readonly date: string;
  readonly minutes: number;
  readonly node: string;
  readonly machine: string;
  readonly timedOut: boolean;
  /** Lines "name = number unit" that the test printed. */
  readonly figures: readonly string[];
}

/** Lines such as "figure: val/loss = 1.808" in a test's output, without the word in front. */
export function figuresOf(output: string): string[] {
  return [...output.matchAll(/^\s*figure: (.+)$/gm)].map(([, text]) => text.trim());
}

const git = (...args: readonly string[]): string => {
  try {
    return execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
  } catch {
    return "";
  }
};

async function runOne(name: string): Promise<NightlyResult> {
  const fromMs = Date.now();
  const date = new Date(fromMs).toISOString();
  const folder = join(root, "results", `${date.replace(/[:.]/g, "-")}-${name}`);
  mkdirSync(folder, { recursive: true });
  const countsFile = join(folder, "counts.json");
  const env = { ...process.env, NESTLING_NIGHTLY: "1", NESTLING_COUNTS_FILE: countsFile, NESTLING_RESULTS: folder };
  const args = [join(root, "node_modules/vitest/vitest.mjs"), "run", "--project", "nightly", `${FOLDER}/${name}${ENDING}`];
  let output = "";
  let timedOut = false;
  await new Promise<void>((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGTERM");
    }, LIMIT_MINUTES * 60_000);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (piece: string) => {
        output += piece;
        process.stderr.write(piece);
      });
    }
    child.on("error", reject);
    child.on("close", () => {
      clearTimeout(timer);
      resolve();
    });
  });
  const counts: Counts = existsSync(countsFile) ? (JSON.parse(readFileSync(countsFile, "utf8")) as Counts) : { passed: 0, failed: 1, skipped: 0 };
  rmSync(countsFile, { force: true });
  const result: NightlyResult = {
    name,
    commit: git("rev-parse", "HEAD"),
    dirty: git("status", "--porcelain") !== "",
    date,
    minutes: Number(((Date.now() - fromMs) / 60_000).toFixed(2)),
    node: process.version,
    machine: `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    timedOut,
    ...(timedOut ? { ...counts, failed: counts.failed + 1 } : counts),
    figures: figuresOf(output),
  };
  writeFileSync(join(folder, "result.json"), `${JSON.stringify(result, null, 2)}\n`);
  writeFileSync(join(folder, "output.log"), output);
  return result;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { only: { type: "string", multiple: true, default: [] } } });
  const folder = join(root, FOLDER);
  const names = chooseNightly(nightlyNames(existsSync(folder) ? readdirSync(folder) : []), values.only);
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const name of names) {
    const result = await runOne(name);
    total.passed += result.passed;
    total.failed += result.failed;
    total.skipped += result.skipped;
    process.stdout.write(`${name}: ${summaryLine(result)} in ${result.minutes} minutes${result.timedOut ? `, ended at ${LIMIT_MINUTES}` : ""}\n`);
    for (const figure of result.figures) process.stdout.write(`  ${figure}\n`);
  }
  process.stdout.write(`\n${summaryLine(total)}\n`);
  process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
}

if (isMain(import.meta.url)) {
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  });
}
