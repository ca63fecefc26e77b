/** The closing line of a test run, and what counts as failed in it. */
import { describe, expect, it } from "vitest";
import { runSteps } from "../../scripts/test.ts";
import { countOutcomes, isCi, summaryLine } from "../../scripts/summary-reporter.ts";

const outcome = (project: string, state: "passed" | "failed" | "skipped" | "pending", name = `${project} ${state}`) => ({ project, state, name });

describe("summaryLine", () => {
  it("is plain, and names skipped tests only where there are some", () => {
    expect(summaryLine({ passed: 12, failed: 0, skipped: 0 })).toBe("12 passed, 0 failed");
    expect(summaryLine({ passed: 12, failed: 1, skipped: 3 })).toBe("12 passed, 1 failed, 3 skipped");
  });
});

describe("countOutcomes", () => {
  it("counts failures outside tests, and tests that never ended, as failed", () => {
    const { counts } = countOutcomes([outcome("unit", "passed"), outcome("unit", "pending"), outcome("e2e", "failed")], 2, false);
    expect(counts).toEqual({ passed: 1, failed: 4, skipped: 0 });
  });

  it("makes a skipped GPU test a failure in CI, by name, and no other skipped test", () => {
    const outcomes = [outcome("gpu", "skipped", "softmax on a GPU"), outcome("unit", "skipped"), outcome("gpu", "passed")];
    expect(countOutcomes(outcomes, 0, false).counts).toEqual({ passed: 1, failed: 0, skipped: 2 });
    expect(countOutcomes(outcomes, 0, true)).toEqual({ counts: { passed: 1, failed: 1, skipped: 1 }, refused: ["softmax on a GPU"] });
  });

  it("knows CI by the variable CI, where it says so", () => {
    expect([isCi({ CI: "true" }), isCi({ CI: "1" }), isCi({ CI: "false" }), isCi({ CI: "" }), isCi({})]).toEqual([true, true, false, false, false]);
  });
});

describe("npm test", () => {
  it("runs every step, goes on after one that failed or threw, and names those with their time", async () => {
    const lines: string[] = [];
    let clock = 0;
    const steps = [
      { name: "types", run: () => Promise.resolve(false) },
      { name: "lint", run: () => Promise.reject(new Error("no linter here")) },
      { name: "tests", run: () => Promise.resolve(true) },
    ];
    expect(await runSteps(steps, (line) => lines.push(line), () => (clock += 500))).toEqual(["types", "lint"]);
    expect(lines).toEqual(["FAILED  types  0.5 s", "no linter here", "FAILED  lint  0.5 s", "ok  tests  0.5 s"]);
  });
});
