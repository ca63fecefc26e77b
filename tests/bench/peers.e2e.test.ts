/** The comparison with other trainers runs from end to end: one pair of tiny trainings. Its figures are not judged here. */
import { availableParallelism } from "node:os";
import { describe, expect, it } from "vitest";
import { HOW_TO_INSTALL, peersInstalled } from "./peers/build.ts";
import { resultsDiffer } from "./peers/measure.ts";
import { runPeers } from "./peers/run.ts";

const absent = peersInstalled() ? "" : ` (skipped: ${HOW_TO_INSTALL})`;

describe("the comparison with other trainers", () => {
  it.skipIf(absent !== "")(`trains tiny beside jax-js in WebAssembly to the same loss, and sees equal softmax rows${absent}`, async () => {
    const lines: string[] = [];
    const { rows, failed, device, browser } = await runPeers({ only: /^jax-js wasm (train tiny|softmax 2048)/, pairs: 1, backends: ["wasm"] }, (line) => lines.push(line));
    expect(failed).toEqual([]);
    expect(rows.map(({ what, status }) => `${what}: ${status}`)).toEqual(["train tiny: ok", "softmax 2048x256: ok"]);
    expect(Math.abs(rows[0]!.ours_loss! - rows[0]!.peer_loss!)).toBeLessThan(2e-3);
    for (const row of rows) expect(row.ratio).toBeCloseTo(row.peer_ms / row.ours_ms, 9);
    expect(lines).toHaveLength(2);
    expect(device["wasm"]).toContain("WebAssembly");
    // The others share their work among threads as well: the page is isolated.
    expect(device["wasm"]).toMatch(availableParallelism() > 1 ? /\d threads/ : /SIMD;/);
    expect(browser).toMatch(/Chrom/);
  });

  it("calls results different that differ in size or by more than their largest number allows", () => {
    expect(resultsDiffer([2, 1, 4], [2, 1, 4])).toBe(0);
    expect(resultsDiffer([2, 1, 4], [2, 1, 4.4])).toBeCloseTo(0.1, 9);
    expect(resultsDiffer([2, 1, 4], [3, 1, 4])).toBe(Infinity);
    expect(resultsDiffer([2, 1, 4], [2, 1])).toBe(Infinity);
    expect(resultsDiffer([2, 1, NaN], [2, 1, 4]) <= 1).toBe(false);
  });
});
