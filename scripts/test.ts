/**
 * `npm test`: kernels in WebAssembly, a browser, types, lint, then every test. Arguments go on to vitest
 * (`npm test -- tests/kernels`). The last line of the output is the count, alone on its line.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getBrowser } from "../src/cli/browser.ts";
import { ensureWasm } from "../src/cli/build.ts";
import { isMain, root } from "../src/cli/paths.ts";
import { type Counts, summaryLine } from "./summary-reporter.ts";

/** What `npm test` may take on two cores. */
const LIMIT_MINUTES = 15;

export interface Step {
  readonly name: string;
  /** Resolves false, or throws, where the step failed. */
  run(): Promise<boolean>;
}

/** Runs the steps in turn, all of them, and names those that failed: one run shows everything that is wrong. */
export async function runSteps(steps: readonly Step[], say: (line: string) => void, nowMs: () => number = Date.now): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const { name, run } of steps) {
    const from = nowMs();
    const passed = await run().catch((error: unknown) => {
      say(error instanceof Error ? error.message : String(error));
      return false;
    });
    if (!passed) failed.push(name);
    say(`${passed ? "ok" : "FAILED"}  ${name}  ${((nowMs() - from) / 1000).toFixed(1)} s`);
  }
  return failed;
}

function node(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, "node_modules", program), ...args], {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, ...env },
    });
    child.on("error", reject);
    child.on("exit", (code) => resolve(code === 0));
  });
}

async function main(args: readonly string[]): Promise<void> {
  const startMs = Date.now();
  const folder = mkdtempSync(join(tmpdir(), "nestling-test-"));
  const countsFile = join(folder, "counts.json");
  // Types and lint run beside the compiler of the kernels, which is this process's own.
  const checks = [node("typescript/bin/tsc", ["--noEmit", "-p", "tsconfig.json"]), node("oxlint/bin/oxlint", ["--type-aware"])] as const;
  // What fails before its turn is told in its turn.
  for (const check of checks) check.catch(() => undefined);
  const steps: readonly Step[] = [
    { name: "WebAssembly kernels", run: async () => (await ensureWasm(), true) },
    { name: "types", run: () => checks[0] },
    { name: "lint", run: () => checks[1] },
    { name: "a browser", run: async () => (await getBrowser()) !== "" },
    { name: "tests", run: () => node("vitest/vitest.mjs", ["run", ...args], { NESTLING_COUNTS_FILE: countsFile }) },
  ];
  const failed = await runSteps(steps, (line) => process.stdout.write(`${line}\n`));
  let counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  try {
    counts = JSON.parse(readFileSync(countsFile, "utf8")) as Counts;
  } catch {
    // No counts: vitest did not get to its end, and its step stands among the failed ones.
  }
  rmSync(folder, { recursive: true, force: true });
  const beside = failed.filter((name) => name !== "tests" || counts.failed === 0).length;
  const minutes = (Date.now() - startMs) / 60_000;
  const over = minutes > LIMIT_MINUTES;
  process.stdout.write(`total ${minutes.toFixed(1)} minutes of ${LIMIT_MINUTES}${over ? ": OVER THE LIMIT" : ""}\n`);
  process.stdout.write(`\n${summaryLine({ ...counts, failed: counts.failed + beside })}\n`);
  process.exitCode = counts.failed + beside > 0 ? 1 : 0;
}

if (isMain(import.meta.url)) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.stdout.write(`\n${summaryLine({ passed: 0, failed: 1, skipped: 0 })}\n`);
    process.exitCode = 1;
  });
}
