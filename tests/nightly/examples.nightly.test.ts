/** *Tune on these* at the shipped base: how many of a table's trained rows the tuned model then answers word for word. CPU, and as the page asks. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { splitExamples } from "../../src/data/index.ts";
import { presetByName } from "../../src/protocol/presets.ts";
import { examplesRecipe, rowsToJsonl } from "../../src/ui/data/examples-rows.ts";
import type { TestEngine } from "../support/engine-env.ts";
import { askAll, exampleTable, startWithBase } from "../support/example-tables.ts";

/** What Ask opens with. */
const AS_THE_PAGE = { temperature: 0.3, top_k: 40, top_p: 1, max_new_tokens: 80, seed: 1 };
const SEEDS = [1, 2, 3];
/** A machine on which a table of 200 rows still gets all the steps that it wants; and one where it gets a third of them. */
const FAST = 15_000;
const SLOW = 3000;

let engine: TestEngine;
beforeAll(async () => {
  engine = await startWithBase();
});
afterAll(async () => {
  await engine.api.dispose();
});

interface Learned {
  readonly steps: number;
  readonly trained: number;
  readonly greedy: number;
  readonly sampled: number;
}

async function learn(count: number, seed: number, tokensPerSec: number): Promise<Learned> {
  const rows = exampleTable(count);
  const { id } = await engine.api.addCorpus("your-examples.jsonl", new Blob([rowsToJsonl(rows)]));
  const recipe = examplesRecipe({ ...presetByName("first-light")!, seed }, id, rows, tokensPerSec);
  const { runId } = await engine.api.startRun({ recipe, fromCheckpoint: "shipped-base" });
  await engine.until((state) => state.runId === runId && state.phase === "finished");
  const { train } = splitExamples(rows);
  const right = async (temperature: number): Promise<number> => {
    const said = await askAll(engine, "live", train.map(({ question }) => question), { ...AS_THE_PAGE, temperature });
    return train.filter(({ answer }, i) => said[i] === answer).length;
  };
  return { steps: recipe.stages[1]!.max_iters, trained: train.length, greedy: await right(0), sampled: await right(AS_THE_PAGE.temperature) };
}

describe("rows that were tuned on", () => {
  // Five and ten differ in every word, thirty and two hundred in one or two.
  it.each([5, 10, 30, 200].flatMap((count) => SEEDS.map((seed) => [count, seed] as const)))("are answered by heart: %i rows, seed %i", async (count, seed) => {
    const { steps, trained, greedy, sampled } = await learn(count, seed, FAST);
    console.log(`figure: ${count} rows, seed ${seed}: ${greedy} greedily and ${sampled} as the page asks, of ${trained} trained, after ${steps} steps`);
    expect(greedy).toBe(trained);
    expect(sampled).toBe(trained);
  });

  it.each([
    [30, 1000, 1],
    [100, SLOW, 1],
    // A third of the steps that they want: most of them, and the figure says how many.
    [200, SLOW, 0.75],
  ])("are answered on a machine too slow for all their steps: %i rows at %i tokens/s, at least this share: %f", async (count, tokensPerSec, share) => {
    const { steps, trained, greedy, sampled } = await learn(count, 1, tokensPerSec);
    console.log(`figure: ${count} rows at ${tokensPerSec} tokens/s: ${greedy} greedily and ${sampled} as the page asks, of ${trained} trained, after ${steps} steps`);
    expect((steps * 512) / tokensPerSec).toBeLessThanOrEqual(50);
    expect(greedy / trained).toBeGreaterThanOrEqual(share);
  });
});
