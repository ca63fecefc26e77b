/** What a chart is kept as: the CSV holds every point once, the table what can be read. */
import { describe, expect, it } from "vitest";
import type { MetricRow, RunState } from "../../../src/protocol/index.ts";
import { textOf } from "../../../src/ui/charts/chart-table.ts";
import { csvBlob, curvesCsv, tableOf } from "../../../src/ui/charts/chart-export.ts";
import { Curves } from "../../../src/ui/charts/series.ts";

const row = (globalStep: number, more: Partial<MetricRow>, stageIndex = 0): MetricRow => ({ stageIndex, step: globalStep, globalStep, tokens: globalStep * 64, trainMs: globalStep * 10, ...more });
const run = { stages: [{ name: "Pre-training" }, { name: 'My "own", stage' }], recipe: { name: "r" } } as unknown as RunState;

describe("curvesCsv", () => {
  it("puts what was measured at a step on one line, and quotes what must be quoted", () => {
    const curves = Curves.empty.append([row(1, { "train/loss": 5.25, lr: 0.001 }), row(2, { "train/loss": 4.5 }), row(2, { "val/loss": 4.75 }), row(3, { "train/loss": 2, quiz_right: 7 }, 1)]);
    expect([...curvesCsv(curves, run)].join("").split("\r\n")).toEqual([
      "stage,step,tokens,train_seconds,train/loss,val/loss,val/old_loss,lr,grad_norm,tokens_per_sec,gflops_per_sec,quiz_right,mean_of_steps",
      "Pre-training,1,64,0.01,5.25,,,0.001,,,,,1",
      "Pre-training,2,128,0.02,4.5,4.75,,,,,,,1",
      '"My ""own"", stage",3,192,0.03,2,,,,,,,7,1',
      "",
    ]);
  });
});

describe("a million steps", () => {
  const rows = (from: number, count: number): MetricRow[] => Array.from({ length: count }, (_, i) => row(from + i, { "train/loss": 2, lr: 1e-3, grad_norm: 1, ...((from + i) % 100 === 0 ? { "val/loss": 3 } : {}) }));
  let curves = Curves.empty;
  for (let from = 1; from < 1_000_000; from += 50_000) curves = curves.append(rows(from, 50_000));

  it("are written in pieces of a few milliseconds, each line once, in order", () => {
    let lines = 0;
    let last = 0;
    const spent: number[] = [];
    const pieces = curvesCsv(curves, run);
    for (;;) {
      const began = performance.now();
      const { value, done } = pieces.next();
      if (lines > 0) spent.push(performance.now() - began);
      if (done) break;
      for (const line of value.trimEnd().split("\r\n").slice(lines === 0 ? 1 : 0)) {
        const step = Number(line.split(",")[1]);
        if (step <= last) throw new Error(`step ${step} after ${last}`);
        last = step;
        lines++;
      }
    }
    const p95 = spent.toSorted((a, b) => a - b)[Math.floor(0.95 * spent.length)]!;
    console.info(`${lines} lines in ${spent.length + 1} pieces, p95 ${p95.toFixed(1)} ms`);
    expect(lines).toBeGreaterThanOrEqual(1 << 17);
    expect(last).toBe(1_000_000);
    expect(p95).toBeLessThan(16);
  });

  it("are a table of some hundred rows, evaluations thinned too, in less than a long task", () => {
    const began = performance.now();
    const { rows: shown } = tableOf(curves, run, null, "step");
    const spent = performance.now() - began;
    console.info(`table of a million steps: ${shown.length} rows in ${spent.toFixed(1)} ms`);
    expect(shown.length).toBeGreaterThan(200);
    expect(shown.length).toBeLessThanOrEqual(410);
    expect(shown.filter((cells) => cells[4] !== undefined).length).toBeGreaterThan(100);
    expect(shown.at(-1)![1]).toBe(1_000_000);
    expect(spent).toBeLessThan(50);
  });
});

describe("a loss that was not a number once, in a run past what is kept raw", () => {
  const COUNT = 300_000;
  const curves = Curves.empty.append(Array.from({ length: COUNT }, (_, i) => row(i + 1, { "train/loss": i === 1000 ? NaN : 2, lr: 1e-3, ...(i < 3 ? {} : { tokens_per_sec: 900 }) })));

  it("leaves every line of the CSV whole, and says of how many steps it is the mean", () => {
    const lines = [...curvesCsv(curves, run)].join("").trimEnd().split("\r\n").slice(1).map((line) => line.split(","));
    expect(lines.length).toBe(COUNT / 2);
    expect(lines.filter((cells) => cells[4] === "" || cells[7] === "" || cells.at(-1) !== "2")).toEqual([]);
    expect(lines.filter((cells) => cells[9] === "").map((cells) => cells[1])).toEqual(["2"]);
  });

  it("leaves every row of the table whole, under a note that says the same", () => {
    const { note, rows } = tableOf(curves, run, null, "step");
    expect(note).toMatch(/out of 150,000: zoom in.*262,144 points.*mean of 2 steps/);
    expect(rows.filter((cells) => cells[3] === undefined || cells[4] === undefined)).toEqual([]);
    expect(tableOf(Curves.empty.append([row(1, { "train/loss": 2 })]), run, null, "step").note).toBe("");
  });

  it("shares out the rows over many stages", () => {
    let many = Curves.empty;
    for (let stage = 0; stage < 8; stage++) many = many.append(Array.from({ length: 2000 }, (_, i) => row(stage * 2000 + i + 1, { "train/loss": 2, "val/loss": 3 }, stage)));
    const { rows } = tableOf(many, run, null, "step");
    expect(rows.length).toBeGreaterThan(200);
    expect(rows.length).toBeLessThanOrEqual(430);
  });
});

describe("a file of numbers", () => {
  it("is begun anew where training moves what was written already, and holds each step once", async () => {
    let curves = Curves.empty.append(Array.from({ length: 262_144 }, (_, i) => row(i + 1, { "train/loss": 2 })));
    const file = csvBlob(curves, run);
    await new Promise((resolve) => setTimeout(resolve));
    curves = curves.append([row(262_145, { "train/loss": 3 })]);
    const steps = (await (await file).text()).trimEnd().split("\r\n").slice(1).map((line) => Number(line.split(",")[1]));
    expect(steps.length).toBe(131_073);
    expect(steps.every((step, i) => i === 0 || step > steps[i - 1]!)).toBe(true);
    expect(steps.at(-1)).toBe(262_145);
  });
});

describe("tableOf", () => {
  const curves = Curves.empty.append(Array.from({ length: 5000 }, (_, i) => row(i + 1, { "train/loss": 5 - i / 5000, ...(i % 1000 === 500 ? { "val/loss": 3 } : {}) })));

  it("thins a long run, keeps every evaluation and the last step, and leaves out columns without numbers", () => {
    const { head, rows } = tableOf(curves, run, null, "step");
    expect(head).toEqual(["stage", "step", "tokens", "train/loss", "val/loss"]);
    expect(rows.length).toBeLessThanOrEqual(210);
    expect(rows.filter((cells) => cells[4] !== undefined).map((cells) => cells[1])).toEqual([501, 1501, 2501, 3501, 4501]);
    expect(rows.at(-1)![1]).toBe(5000);
  });

  it("says that it is thinned, out of how many, and where the others are", () => {
    expect(tableOf(curves, run, null, "step").note).toBe("Rows at even distances out of 5,000: zoom in to see each, or keep all of them as CSV.");
    expect(tableOf(curves, run, [10, 20], "step").note).toBe("");
  });

  it("shows each figure in the digits of its column", () => {
    expect([6.4, 5, 6.9371, 8020.25, 12_061, 0.0011, 0.000157, 0.00002, 0, undefined, "Pre-training"].map(textOf)).toEqual(["6.40", "5", "6.94", "8,020", "12,061", "0.00110", "0.000157", "2.0e-5", "0", "", "Pre-training"]);
  });

  it("holds the steps in view alone, on whatever axis they were chosen", () => {
    expect(tableOf(curves, run, [10, 20], "step").rows.map((cells) => cells[1])).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
    expect(tableOf(curves, run, [640, 768], "tokens").rows.map((cells) => cells[1])).toEqual([10, 11, 12]);
  });
});
