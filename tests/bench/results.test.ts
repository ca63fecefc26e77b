/** What becomes of samples: percentiles, repeats, roofline, files, comparison. Nothing is timed here. */
import { readFileSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compareResults } from "../../src/bench/compare.ts";
import { higher, leastMs, roofAt, shareOfRoof, speedOf } from "../../src/bench/roofline.ts";
import { apart, MOST_REPEATS, percentile, quantumOf, repeatsFor, spreadOf } from "../../src/bench/statistics.ts";
import { parseResult, toCsv, toJson, toMarkdown } from "../../src/bench/writers.ts";
import type { BenchResult, BenchRow } from "../../src/protocol/bench.ts";

const row = (changes: Partial<BenchRow> = {}): BenchRow => ({ suite: "matmul", name: "matmulNN", shape: "512 x 128 x 384", variant: "plain", median_ms: 2, p20_ms: 1.9, p80_ms: 2.2, noise: 0.02, samples: 9, status: "ok", ...changes });

const result = (rows: readonly BenchRow[]): BenchResult => ({
  format: "nestling-bench", version: 1, date: "2026-01-01T00:00:00.000Z", engine: "0", quick: false, buffers: "hot", rows,
  device: { backend: "webgpu", adapter: 'Card "X" | 2', software: true, features: [], limits: {}, browser: "B", timer_quantum_ms: 0.1, timestamps: false, peak: { gflops: 100, gbps: 10 } },
});

describe("samples", () => {
  it("give median, p20 and p80 whatever their order, and are left as they were", () => {
    const samples = [5, 1, 4, 2, 3, 6];
    expect(spreadOf(samples)).toEqual({ median_ms: 3.5, p20_ms: 2, p80_ms: 5, samples: 6 });
    expect(samples).toEqual([5, 1, 4, 2, 3, 6]);
    expect(percentile([7], 0.2)).toBe(7);
    expect(() => percentile([], 0.5)).toThrow(RangeError);
  });

  it("are repeated until one lasts 20 ms and a hundred steps of the clock", () => {
    expect(repeatsFor(1, 0.1)).toBe(20);
    expect(repeatsFor(1, 1)).toBe(100);
    expect(repeatsFor(500, 0.1)).toBe(1);
    expect(repeatsFor(0, 0.1)).toBe(MOST_REPEATS);
  });

  it("show the same noise whichever of two came first", () => {
    expect(apart(1, 1.1)).toBeCloseTo(0.1);
    expect(apart(1.1, 1)).toBe(apart(1, 1.1));
  });

  it("know the clock's quantum, and a clock that stands still ends the search", () => {
    let looks = 0;
    expect(quantumOf(() => Math.floor(looks++ / 7) * 0.25)).toBe(0.25);
    expect(quantumOf(() => 4, 1)).toBe(1);
  });
});

describe("the roofline", () => {
  const peak = { gflops: 100, gbps: 10 };

  it("bounds by bytes below the ridge and by operations above it", () => {
    expect(roofAt(2, peak)).toBe(20);
    expect(roofAt(10, peak)).toBe(100);
    expect(roofAt(1000, peak)).toBe(100);
    expect(leastMs({ flops: 2e6, bytes: 1e6 }, peak)).toBeCloseTo(0.1);
  });

  it("gives a row's share of it, and for a copy the share of the bytes", () => {
    const speed = speedOf({ flops: 1e9, bytes: 1e6 }, 20, peak);
    expect(speed.gflops).toBeCloseTo(50);
    expect(speed.gbps).toBeCloseTo(0.05);
    expect(speed.roofline).toBeCloseTo(50);
    const copy = speedOf({ flops: 0, bytes: 1e7 }, 2, peak);
    expect(copy).toEqual({ gbps: 5, roofline: 50 });
    expect(speedOf({ flops: 1, bytes: 1 }, 1, null)).not.toHaveProperty("roofline");
  });

  it("gives a speed the share that its work had, and less under a higher roof; each roof counts by itself", () => {
    const low = { gflops: 10, gbps: 4 };
    for (const work of [{ flops: 2e7, bytes: 4e6 }, { flops: 1e6, bytes: 4e6 }, { flops: 0, bytes: 8e6 }]) {
      const speed = speedOf(work, 8, low);
      expect(shareOfRoof(speed, low)).toBeCloseTo(speed.roofline!, 10);
    }
    const best = higher(low, { gflops: 20, gbps: 3 });
    expect(best).toEqual({ gflops: 20, gbps: 4 });
    expect(shareOfRoof({ gflops: 5, gbps: 0.1 }, best)).toBe(25);
  });
});

describe("a result's files", () => {
  it("come back from JSON as they were, to six digits, without what does not apply", () => {
    const given = result([row({ gflops: 1.23456789, loss: undefined })]);
    const back = parseResult(toJson(given));
    expect(back).toEqual({ ...given, rows: [{ ...row(), gflops: 1.23457 }] });
    expect(Object.keys(back.rows[0]!)).not.toContain("loss");
  });

  it.each([
    ["{", "not JSON"],
    ["{}", "nestling-bench"],
    ["null", "nestling-bench"],
    ['{"format":"nestling-bench","version":2}', "version 2"],
    ['{"format":"nestling-bench","version":1,"rows":[]}', "no device"],
    ['{"format":"nestling-bench","version":1,"device":{},"rows":[]}', "measured peaks"],
    ['{"format":"nestling-bench","version":1,"date":"2026-11-23","device":{"adapter":"a","peak":{"gflops":0,"gbps":1}},"rows":[]}', "measured peaks"],
    ['{"format":"nestling-bench","version":1,"date":"2026-11-23","device":{"adapter":"a","browser":"b","backend":"cpu","features":[],"timer_quantum_ms":0.1,"peak":{"gflops":1,"gbps":1}},"rows":[{"suite":"matmul"}]}', "row 1 lacks its name"],
  ])("are refused with the reason: %s", (text, reason) => {
    expect(() => parseResult(text)).toThrow(reason);
  });

  it.each([
    [{ device: { label: {} } }, /device\.label is \{\}, and must be a text/], [{ device: { browser: 42 } }, /device\.browser is 42/], [{ device: { timer_quantum_ms: undefined } }, /device\.timer_quantum_ms is missing/],
    [{ device: { features: "all" } }, /device\.features is "all", and must be a list of texts/], [{ device: { backend: "metal" } }, /webgpu or cpu/], [{ device: { renderer: "x".repeat(501) } }, /at most 500 characters/],
    [{ row: { gflops: 0 } }, /row 1 has gflops 0, and must have a number above 0 or none/], [{ row: { gflops: -1 } }, /gflops -1/], [{ row: { intensity: 0 } }, /intensity 0/], [{ row: { noise: -0.1 } }, /noise -0\.1.*from 0 on/],
    [{ row: { median_ms: "1" } }, /median_ms "1"/], [{ rows: 5001 }, /5001 rows, and a bench has at most 5000/],
  ])("are refused where a page would break on them: %j", (change: { device?: object; row?: object; rows?: number }, reason) => {
    const given = result(change.rows ? Array.from({ length: change.rows }, () => row()) : [{ ...row(), ...change.row }]);
    expect(() => parseResult(JSON.stringify({ ...given, device: { ...given.device, ...change.device } }))).toThrow(reason);
  });

  it("say in every line of CSV where and when it was measured", () => {
    const given = result([row(), row()]);
    const [head, ...lines] = toCsv(given).trimEnd().split("\r\n");
    expect(head!.split(",").slice(0, 3)).toEqual(["date", "device", "label"]);
    for (const line of lines) expect(line.startsWith(`${given.date},`)).toBe(true);
  });

  it("quote what CSV asks for, with a line a row and as many cells in each", () => {
    const lines = toCsv(result([row({ status: 'wrong: "x", y' }), row()])).trimEnd().split("\r\n");
    expect(lines).toHaveLength(3);
    expect(lines[1]).toMatch(/,"wrong: ""x"", y"$/);
    expect(lines[2]!.split(",")).toHaveLength(lines[0]!.split(",").length);
  });

  it("are tables by suite in Markdown, what trains in bold, pipes escaped", () => {
    const text = toMarkdown(result([row({ chosen: true }), row({ suite: "copy", name: "a|b", median_ms: undefined, status: "skipped: x" })]));
    expect(text).toContain("(software adapter)");
    expect(text).toContain('# Card "X" \\| 2');
    expect(text).toContain("| **plain** |");
    expect(text).toContain("a\\|b");
    expect(text.match(/^## /gm)).toHaveLength(2);
  });
});

describe("two results", () => {
  const verdict = (before: Partial<BenchRow>, after: Partial<BenchRow>): string => compareResults(result([row(before)]), result([row(after)]))[0]!.verdict;

  it("differ only beyond the noise of both", () => {
    expect(verdict({ median_ms: 2 }, { median_ms: 1 })).toBe("faster");
    expect(verdict({ median_ms: 1 }, { median_ms: 2 })).toBe("slower");
    expect(verdict({ median_ms: 1 }, { median_ms: 1.02 })).toBe("same");
    expect(verdict({ median_ms: 2, noise: 1.5 }, { median_ms: 1 })).toBe("same");
    expect(verdict({ median_ms: 2, status: "wrong: x" }, { median_ms: undefined })).toBe("only one");
  });

  it("match by suite, name, shape and variant, and leave out A/A rows", () => {
    const rows = compareResults(result([row(), row({ shape: "1" }), row({ variant: "plain", status: "A/A" })]), result([row({ median_ms: 1 }), row({ variant: "vec4" })]));
    expect(rows.map(({ shape, variant, ratio }) => [shape, variant, ratio])).toEqual([["512 x 128 x 384", "plain", 2], ["1", "plain", undefined], ["512 x 128 x 384", "vec4", undefined]]);
  });

  it("match what each trains with, where two devices chose different variants", () => {
    const rows = compareResults(result([row(), row({ variant: "a", median_ms: 4, chosen: true })]), result([row({ variant: "b", median_ms: 2, chosen: true })]), true);
    expect(rows).toMatchObject([{ variant: "a / b", ratio: 2, verdict: "faster" }]);
  });
});

describe("the repository's results", () => {
  const folder = new URL("../../bench/results/", import.meta.url);
  it.each(readdirSync(folder))("%s is a whole result that its device can be known by", (name) => {
    expect(name).toMatch(/^[\w-]+\.json$/);
    const { device, rows } = parseResult(readFileSync(new URL(name, folder), "utf8"));
    expect(device.label ?? "").not.toBe("");
    expect(rows.filter(({ suite, status }) => suite === "step" && status === "ok").map((row) => row.name)).toEqual(["tiny", "small"]);
    expect(rows.filter(({ status }) => /^(wrong|failed)/.test(status))).toEqual([]);
  });
});
