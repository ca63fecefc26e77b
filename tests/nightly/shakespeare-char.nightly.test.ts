/**
 * The recipe `shakespeare-char`, trained to its end on the CPU backend, against PyTorch's figures for the same text, split,
 * schedule and held-out windows (tests/oracle). NESTLING_SEEDS=1 trains the first seed alone.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { MetricRow } from "../../src/protocol/messages.ts";
import { presetByName } from "../../src/protocol/presets.ts";
import { startTestEngine } from "../support/engine-env.ts";

interface OracleRun {
  readonly seed: number;
  readonly parameters: number;
  readonly evaluations: readonly { readonly step: number; readonly val_loss: number }[];
}

/** Three seeds each: a mean differs from the other by about 0.01 by chance. One seed alone may miss it. */
const BOUND = 0.03;
const oracle = JSON.parse(readFileSync(new URL("../oracle/shakespeare-char.json", import.meta.url), "utf8")) as { readonly runs: readonly OracleRun[] };
const count = Number(process.env["NESTLING_SEEDS"] ?? oracle.runs.length);
const runs = oracle.runs.slice(0, count);
const recipe = presetByName("shakespeare-char")!;

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const lossAt = ({ evaluations }: OracleRun, step: number): number | undefined => evaluations.find((row) => row.step === step)?.val_loss;

async function train(seed: number): Promise<{ rows: readonly MetricRow[]; parameters: number | undefined; seconds: number }> {
  const { api, events, until } = await startTestEngine();
  const beganMs = performance.now();
  await api.startRun({ recipe: { ...recipe, seed } });
  const { parameters } = await until(({ phase }) => phase === "finished");
  const seconds = (performance.now() - beganMs) / 1000;
  const rows = events.flatMap((event) => (event.type === "metrics" ? event.rows : []));
  await api.dispose();
  return { rows, parameters, seconds };
}

describe("shakespeare-char on the CPU backend", () => {
  it(`ends within ${BOUND} of PyTorch's held-out loss in the mean over seed ${runs.map(({ seed }) => seed).join(", ")}`, async () => {
    expect(runs.length, "NESTLING_SEEDS asks for seeds that the oracle has").toBe(count);
    const last = recipe.stages[0]!.max_iters;
    const ours: number[] = [];
    for (const run of runs) {
      const { rows, parameters, seconds } = await train(run.seed);
      expect(parameters).toBe(run.parameters);
      for (const row of rows) {
        const theirs = row["val/loss"] === undefined ? undefined : lossAt(run, row.step);
        if (theirs !== undefined) console.log(`figure: seed ${run.seed}, step ${row.step}: val/loss = ${row["val/loss"]!.toFixed(4)} (PyTorch ${theirs.toFixed(4)})`);
      }
      const end = rows.findLast((row) => row["val/loss"] !== undefined)!;
      expect(end.step).toBe(last);
      ours.push(end["val/loss"]!);
      console.log(`figure: seed ${run.seed}: training = ${(end.trainMs / 1000).toFixed(0)} s, with evaluations, samples and checkpoints = ${seconds.toFixed(0)} s`);
    }
    const difference = mean(ours) - mean(runs.map((run) => lossAt(run, last)!));
    console.log(`figure: val/loss = ${mean(ours).toFixed(4)}, PyTorch and ${difference >= 0 ? "+" : ""}${difference.toFixed(4)}`);
    expect(Math.abs(difference)).toBeLessThanOrEqual(BOUND);
  });
});
