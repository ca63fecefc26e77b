/** A million hostile files, by the code that `npm test` tries 20,000 with: `npm run test:nightly -- --only fuzz`. */
import { describe, expect, it } from "vitest";
import { fuzz, fuzzSeed, reportLine, shares } from "../fuzz/fuzz.ts";
import { targets } from "../fuzz/targets.ts";

const INPUTS = Number(process.env["NESTLING_FUZZ_INPUTS"] ?? 1_000_000);
const seed = fuzzSeed();
const counts = shares(targets, INPUTS);

describe(`parsers under hostile files, NESTLING_FUZZ_SEED=${seed}`, () => {
  it.each(targets.map((target, i) => [target.name, counts[i]!, target] as const))("%s: %i files give values or typed errors, soon and small, and touch no prototype", async (_name, inputs, target) => {
    const report = await fuzz(target, inputs, seed);
    console.log(`figure: seed ${seed}, ${reportLine(report)}`);
    expect(report.inputs).toBe(inputs);
  });
});
