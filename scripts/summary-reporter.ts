/**
 * Closes a test run with one plain line, "N passed, N failed" (", N skipped" where some were), and makes a skipped GPU
 * test a failure in CI. Under `npm test` the line is handed on through a file, so that it stays the last.
 */
import { writeFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** The closing line; no colours, nothing else on it. */
export function summaryLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

interface Outcome {
  readonly project: string;
  readonly name: string;
  readonly state: "passed" | "failed" | "skipped" | "pending";
}

/**
 * Counts outcomes. A test that never ended counts as failed; `errors` are failures outside any test (a file that does
 * not load, an unhandled rejection). With `strict` a skipped test of the project "gpu" is a failure too.
 */
export function countOutcomes(outcomes: readonly Outcome[], errors: number, strict: boolean): { counts: Counts; refused: readonly string[] } {
  const refused = strict ? outcomes.filter(({ project, state }) => project === "gpu" && state === "skipped").map(({ name }) => name) : [];
  const of = (state: Outcome["state"]): number => outcomes.filter((outcome) => outcome.state === state).length;
  const counts = { passed: of("passed"), failed: of("failed") + of("pending") + errors + refused.length, skipped: of("skipped") - refused.length };
  return { counts, refused };
}

export function isCi(env: NodeJS.ProcessEnv = process.env): boolean {
  return env["CI"] !== undefined && env["CI"] !== "" && env["CI"] !== "false";
}

export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const outcomes: Outcome[] = [];
    let errors = unhandled.length;
    for (const module of modules) {
      errors += module.errors().length;
      for (const suite of module.children.allSuites()) errors += suite.errors().length;
      for (const test of module.children.allTests()) {
        outcomes.push({ project: module.project.name, name: `${module.moduleId}: ${test.fullName}`, state: test.result().state });
      }
    }
    const { counts, refused } = countOutcomes(outcomes, errors, isCi());
    for (const name of refused) process.stderr.write(`A skipped GPU test is a failure in CI: ${name}\n`);
    if (counts.failed > 0) process.exitCode = 1;
    const file = process.env["NESTLING_COUNTS_FILE"];
    if (file) writeFileSync(file, JSON.stringify(counts));
    else process.stdout.write(`\n${summaryLine(counts)}\n`);
  }
}
