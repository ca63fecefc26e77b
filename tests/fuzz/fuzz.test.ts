/**
 * 20,000 hostile files for every parser that meets a stranger's: `NESTLING_FUZZ_SEED=... npm test -- tests/fuzz` repeats a run. A
 * million more are `tests/nightly/fuzz.nightly.test.ts`.
 */
import { afterAll, describe, expect, it } from "vitest";
import { fuzz, fuzzSeed, reportLine, shares, type Report } from "./fuzz.ts";
import { targets } from "./targets.ts";

const INPUTS = 20_000;
const seed = fuzzSeed();
const counts = shares(targets, INPUTS);
const reports: Report[] = [];

console.info(`fuzz: NESTLING_FUZZ_SEED=${seed}`);

describe(`parsers under hostile files, seed ${seed}`, () => {
  it.each(targets.map((target, i) => [target.name, counts[i]!, target] as const))(
    "%s: %i files give values or typed errors, soon and small, and touch no prototype",
    async (_name, inputs, target) => {
      const report = await fuzz(target, inputs, seed);
      reports.push(report);
      console.info(reportLine(report));
      expect(report.inputs).toBe(inputs);
    },
    5 * 60_000,
  );

  it(`${INPUTS} files in all`, () => {
    expect(reports.reduce((sum, { inputs }) => sum + inputs, 0)).toBe(INPUTS);
  });
});

afterAll(() => console.info(`fuzz: ${reports.reduce((sum, { inputs }) => sum + inputs, 0)} inputs, seed ${seed}`));
